# frozen_string_literal: true

require "support/puma_server"

# The application in examples/rails_app, booted in production mode on its own Puma with its own bundle.
module RailsApp
  FOLDER = File.join(PumaServer::ROOT, "examples", "rails_app")
  GEMFILE = File.join(FOLDER, "Gemfile")

  module_function

  # Why it cannot be booted here, for `skip`; nil where it can.
  def missing
    return @missing if defined?(@missing)

    @missing = PumaServer.missing(GEMFILE)
  end

  # In production, where a token opens the endpoint: KEY holds it.
  TOKEN = "of-the-test-of-rails"
  KEY = {"Authorization" => "Bearer #{TOKEN}"}.freeze

  # command:: another than puma with its configuration, which finds that by itself
  def run(allocator: nil, env: {}, command: ["puma", "-C", "config/puma.rb"], &block)
    production = {"RAILS_ENV" => "production", "PORT" => "0", "ALLOCSTATS_TOKEN" => TOKEN}
    PumaServer.new([], command: command, folder: FOLDER, gemfile: GEMFILE, allocator: allocator, env: production.merge(env)).run(&block)
  end
end
