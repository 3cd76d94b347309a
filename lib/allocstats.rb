# frozen_string_literal: true

# The facade, with every public method, is in allocstats/facade.rb. Whatever runs before Rails is there (Puma's plugin,
# allocstats/preload) loads that one: then the Gemfile's `require "allocstats"` comes later, and finds Rails.
require_relative "allocstats/facade"
require_relative "allocstats/railtie" if defined?(Rails::Railtie)
