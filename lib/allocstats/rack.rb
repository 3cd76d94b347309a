# frozen_string_literal: true

module AllocStats
  # AllocStats for anything that speaks Rack, with or without Rails. Nothing here needs the rack gem: an application is
  # an object with #call, and the environment a Hash.
  #
  #   map("/allocator") { run AllocStats::Rack::Endpoint.new }    # in config.ru
  #   use AllocStats::Rack::Middleware                            # or as a middleware, anywhere in the stack
  module Rack
    autoload :Access, "allocstats/rack/access"
    autoload :Answer, "allocstats/rack/answer"
    autoload :Body, "allocstats/rack/body"
    autoload :Brake, "allocstats/rack/brake"
    autoload :Change, "allocstats/rack/change"
    autoload :Connection, "allocstats/rack/connection"
    autoload :Credentials, "allocstats/rack/credentials"
    autoload :Endpoint, "allocstats/rack/endpoint"
    autoload :Log, "allocstats/rack/log"
    autoload :Loopback, "allocstats/rack/loopback"
    autoload :Middleware, "allocstats/rack/middleware"
    autoload :Page, "allocstats/rack/page"
    autoload :Path, "allocstats/rack/path"
    autoload :Peer, "allocstats/rack/peer"
    autoload :Request, "allocstats/rack/request"
    autoload :ResponseCache, "allocstats/rack/response_cache"
    autoload :Router, "allocstats/rack/router"
    autoload :SameOrigin, "allocstats/rack/same_origin"
    autoload :ServerTiming, "allocstats/rack/server_timing"
    autoload :Snapshot, "allocstats/rack/snapshot"
    autoload :StartKey, "allocstats/rack/start_key"
    autoload :StatusDocument, "allocstats/rack/status_document"
    autoload :Token, "allocstats/rack/token"
  end
end
