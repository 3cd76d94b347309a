# frozen_string_literal: true

require_relative "boot"

require "rails"
require "action_controller/railtie"
require "action_view/railtie"

Bundler.require(:default, Rails.env)

# A small shop without a database: three pages that allocate the way real pages do, and allocstats at /allocator.
# Everything is configured here, the same in every environment, so that there is one file to read.
class Shop < Rails::Application
  config.load_defaults 7.2
  config.root = File.expand_path("..", __dir__)

  config.eager_load = Rails.env.production?
  config.enable_reloading = !Rails.env.production?
  config.cache_store = :memory_store, {size: 16 * 1024 * 1024}
  config.public_file_server.enabled = false

  config.logger = ActiveSupport::Logger.new($stdout)
  config.log_level = ENV.fetch("LOG_LEVEL", "warn").to_sym

  # No sessions to keep from one start to the next, so a key of this process will do.
  config.secret_key_base = ENV.fetch("SECRET_KEY_BASE") { SecureRandom.hex(64) }

  # ALLOCSTATS_PATH=/elsewhere moves the endpoint, ALLOCSTATS_PATH=off takes it away.
  config.allocstats.path = (ENV["ALLOCSTATS_PATH"] == "off") ? false : ENV.fetch("ALLOCSTATS_PATH", "/allocator")
end
