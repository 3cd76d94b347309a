# frozen_string_literal: true

module AllocStats
  module Rack
    # Adds what malloc gave to the thread of a request, in bytes, to the answer's Server-Timing header, where a browser's
    # developer tools show it: `malloc;desc="1258291 B"`. Under an allocator that does not count by thread the answer is
    # as it was.
    #
    # What strangers learn of it is how much a page allocates: it is meant for development, or for behind a proxy that
    # takes the header away.
    class ServerTiming
      NAME = "server-timing"

      def initialize(app)
        @app = app
      end

      def call(env)
        Measurement.of_request(@app, env) { |response, entry| with(response, entry) }
      end

      private

      # Where the headers are frozen, an object of their own kind, or have this one already. One that has it by another
      # spelling, as Rack 2 allows, then has two lines of it, which are one list.
      def with((status, headers, body), entry)
        headers = headers.dup if headers.frozen?
        headers[NAME] = [headers[NAME], entry].compact.join(", ")
        [status, headers, body]
      end
    end
  end
end
