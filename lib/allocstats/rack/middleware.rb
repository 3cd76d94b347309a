# frozen_string_literal: true

module AllocStats
  module Rack
    # Answers one path with the Endpoint and passes everything else on:
    #
    #   use AllocStats::Rack::Middleware                                   # at /allocator
    #   use AllocStats::Rack::Middleware, path: "/internal/allocator", allow: ->(env) { ... }
    #
    # The end of each request is a safe point: a purge that was asked for meanwhile also gives back what the allocator keeps
    # for this thread. What both cost the other requests is one comparison of strings, one of numbers, and no object.
    class Middleware
      # path:: where it answers, beginning with a slash; the other options are the Endpoint's
      def initialize(app, path: "/allocator", **options)
        @app = app
        @path = path.to_s.chomp("/").freeze
        @below = "#{@path}/"
        @endpoint = Endpoint.new(**options)
        raise InvalidValue, "the path of the middleware must begin with a slash and name something: #{path.inspect}" unless @path.match?(%r{\A/.})
      end

      def call(env)
        env["PATH_INFO"]&.start_with?(@path) ? dispatch(env) : @app.call(env)
      ensure
        AllocStats.safe_point
      end

      private

      # The path only begins like ours here: /allocators is somebody else's.
      def dispatch(env)
        path = env["PATH_INFO"]
        return @app.call(env) unless path == @path || path.start_with?(@below)

        @endpoint.call(env.merge("SCRIPT_NAME" => "#{env["SCRIPT_NAME"]}#{@path}", "PATH_INFO" => path.delete_prefix(@path)))
      end
    end
  end
end
