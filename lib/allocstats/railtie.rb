# frozen_string_literal: true

require_relative "rails"

module AllocStats
  # What a Rails application (6.1 and later) has of allocstats by having it in its Gemfile; Configuration says what
  # can be chosen. Elsewhere than on Linux the options are there, so that they can stay, and do nothing.
  class Railtie < ::Rails::Railtie
    config.allocstats = AllocStats.configuration.source("config.allocstats")

    if AllocStats.supported?
      # The endpoint, in front of the application's own routes, where a catch-all among them cannot swallow it. It is built
      # when every initializer has had its say, and not when the routes are first drawn, which newer versions put off
      # until the first request: what does not fit is told at boot.
      initializer "allocstats.endpoint", after: :load_config_initializers do |app|
        mount = AllocStats::Railtie.mount(app.config.allocstats)
        app.routes.prepend { mount.draw(self) } if mount
        app.config.after_initialize { AllocStats::Rack::StartKey.announce if mount.key? && Rails::Server.running } if mount
      end

      # Requests and jobs run inside the application's executor: their end is where a thread gives back what a purge has
      # asked of it.
      initializer "allocstats.safe_point" do |app|
        app.executor.to_complete { AllocStats.safe_point }
      end

      initializer "allocstats.notifications" do
        Rails::Notifications.install
      end

      initializer "allocstats.log", after: :load_config_initializers do |app|
        ActiveSupport.on_load(:action_controller) { include Rails::ControllerRuntime } if app.config.allocstats.log
      end

      initializer "allocstats.quiet", after: :load_config_initializers, before: :build_middleware_stack do |app|
        options = app.config.allocstats
        app.middleware.insert_before(::Rails::Rack::Logger, Rails::Quiet, path: options.path, level: options.log_level) if options.path && options.log_level
      end

      initializer "allocstats.server_timing", after: :load_config_initializers, before: :build_middleware_stack do |app|
        wanted = app.config.allocstats.server_timing
        wanted = app.config.respond_to?(:server_timing) && app.config.server_timing if wanted.nil?
        app.middleware.unshift(AllocStats::Rack::ServerTiming) if wanted
      end

      config.after_initialize do |app|
        options = app.config.allocstats
        wanted = options.agent.nil? ? Rails::Server.running : options.agent
        AllocStats.eager_load! if Rails::Server.running
        AllocStats.start(interval: options.interval) if wanted
        AllocStats::Metrics.register if options.metrics
      end

      console { Rails::Console.greet }

      rake_tasks { Rails::Tasks.define }
    end

    # @return [Rails::Mount, nil] nil where the path is false
    # @raise [InvalidValue, UnknownName]
    def self.mount(options)
      endpoint = AllocStats::Rack::Endpoint.new(announce: false, **options.endpoint_options(::Rails.env))
      Rails::Mount.new(endpoint, options.path, login: options.authenticate || options.authenticate_changes) if options.path
    rescue Error => error
      raise error.class, "config.allocstats: #{error.message}"
    end
  end
end
