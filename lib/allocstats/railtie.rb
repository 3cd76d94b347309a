# frozen_string_literal: true

module AllocStats
  # Mounts the endpoint in a Rails application (6.1 and later) by being in its Gemfile. In config/application.rb, an
  # environment or an initializer:
  #
  #   config.allocstats.path = "/internal/allocator"    # false: no endpoint
  #   config.allocstats.allow = ->(env) { ... }         # who may ask; by default this machine alone
  class Railtie < ::Rails::Railtie
    config.allocstats = ::ActiveSupport::OrderedOptions.new
    config.allocstats.path = "/allocator"
    config.allocstats.allow = nil

    # In front of the application's own routes, where a catch-all among them cannot swallow it. Rails runs the block
    # each time it draws the routes, which is after all initializers, so that each of them has had its say.
    initializer "allocstats.mount" do |app|
      app.routes.prepend do
        options = app.config.allocstats
        mount AllocStats::Rack::Endpoint.new(allow: options.allow || AllocStats::Rack::Loopback) => options.path, :as => :allocstats if options.path
      end
    end

    # Requests and jobs run inside the application's executor: their end is where a thread gives back what a purge has
    # asked of it.
    initializer "allocstats.safe_point" do |app|
      app.executor.to_complete { AllocStats.safe_point }
    end
  end
end
