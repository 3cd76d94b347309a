# frozen_string_literal: true

module AllocStats
  module Rack
    # Answers one path, and what is below it, with the Endpoint and passes everything else on:
    #
    #   use AllocStats::Rack::Middleware                                   # at /allocator
    #   use AllocStats::Rack::Middleware, path: "/internal/allocator", token: "..."
    #
    # The end of each request is a safe point: a purge that was asked for meanwhile also gives back what the allocator keeps
    # for this thread. What both cost the other requests is one comparison of strings, one of numbers, and no object.
    class Middleware
      # What may follow the path when it is ours: /allocators is somebody else's.
      OURS = %r{\A(?:\z|/|\.json\z)}

      # path:: where it answers unless that is configured, beginning with a slash, as a person writes it; the other options are the Endpoint's
      def initialize(app, path: Configuration.current.path || "/allocator", **options)
        @app = app
        @path = escaped(path)
        @endpoint = Endpoint.new(**options)
      end

      def call(env)
        env["PATH_INFO"]&.start_with?(@path) ? dispatch(env) : @app.call(env)
      ensure
        AllocStats.safe_point
      end

      private

      def dispatch(env)
        below = env["PATH_INFO"].delete_prefix(@path)
        return @app.call(env) unless OURS.match?(below)

        @endpoint.call(env.merge("SCRIPT_NAME" => "#{env["SCRIPT_NAME"]}#{@path}", "PATH_INFO" => below))
      end

      # As requests name it.
      def escaped(path)
        text = Path.escape(path.to_s).chomp("/")
        raise InvalidValue, "the path of the middleware must begin with a slash and name something: #{path.inspect}" unless text.match?(%r{\A/[^/]})

        text.freeze
      end
    end
  end
end
