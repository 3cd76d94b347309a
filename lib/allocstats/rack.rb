# frozen_string_literal: true

module AllocStats
  # AllocStats for anything that speaks Rack, with or without Rails. Nothing here needs the rack gem: an application is
  # an object with #call, and the environment a Hash.
  #
  #   map("/allocator") { run AllocStats::Rack::Endpoint.new }    # in config.ru
  #   use AllocStats::Rack::Middleware                            # or as a middleware, anywhere in the stack
  module Rack
    autoload :Endpoint, "allocstats/rack/endpoint"
    autoload :Loopback, "allocstats/rack/loopback"
    autoload :Middleware, "allocstats/rack/middleware"
    autoload :SharedReading, "allocstats/rack/shared_reading"
  end
end
