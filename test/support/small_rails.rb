# frozen_string_literal: true

require "support/puma_server"

# A whole Rails application in one config.ru, on the Rails, Rack and Puma of one of gemfiles/:
#
#   SmallRails.new("rails_6_1").run('config.allocstats.path = "/malloc"') { |server| server.get("/malloc") }
class SmallRails
  APPLICATION = <<~RUBY
    require "bundler/setup"
    require "rails"
    require "action_controller/railtie"
    %<first>s
    require "allocstats"

    class Shop < Rails::Application
      config.load_defaults Rails::VERSION::STRING.to_f
      config.eager_load = true
      config.secret_key_base = "of no use"
      config.logger = ActiveSupport::Logger.new($stdout)
      config.hosts.clear
      %<configuration>s
      routes.append do
        root to: ->(_) { [200, {"content-type" => "text/plain"}, [[Rails.version, Rack.release, Puma::Const::VERSION].join(" ")]] }
        get "agent", to: ->(_) { [200, {"content-type" => "text/plain"}, [[AllocStats.started?, AllocStats::Rails::Server.running].join(" ")]] }
        get "page", to: "pages#show"
        get "purge", to: "pages#purge"
        get "*rest", to: ->(_) { [200, {"content-type" => "text/plain"}, ["caught"]] }
      end
    end

    class PagesController < ActionController::Base
      def show = render(plain: "x" * 3_000_000)

      def purge = render(plain: AllocStats.purge(gc: true).outcome)
    end

    %<before>s
    Rails.application.initialize!
    run Rails.application
  RUBY

  # The gemfiles there are, by name.
  NAMES = Dir[File.join(PumaServer::ROOT, "gemfiles", "rails_*.gemfile")].map { |path| File.basename(path, ".gemfile") }.sort.freeze

  attr_reader :gemfile

  def initialize(name)
    @gemfile = File.join(PumaServer::ROOT, "gemfiles", "#{name}.gemfile")
  end

  # Why nothing can be run with it here, for `skip`.
  def missing = @missing ||= PumaServer.missing(gemfile)

  # first::         lines before allocstats is required
  # configuration:: lines of the application's class
  # before::        lines before it is initialized
  # options::       as PumaServer.run takes them
  def run(configuration = "", first: "", before: "", env: {}, **options, &block)
    rackup = format(APPLICATION, first: first, configuration: configuration, before: before)
    PumaServer.run(rackup: rackup, gemfile: gemfile, env: {"RAILS_ENV" => "production"}.merge(env), **options, &block)
  end
end
