# frozen_string_literal: true

module AllocStats
  module Rack
    # A Rack application that answers what AllocStats.report says about the process that serves the request: as JSON
    # where it is mounted, and as the page for a person at /report.txt below that.
    #
    #   run AllocStats::Rack::Endpoint.new                                            # open to this machine alone
    #   run AllocStats::Rack::Endpoint.new(allow: ->(env) { Staff.signed_in?(env) })   # open to whom the block says
    #
    # It only reads. It never raises into the host: what goes wrong inside is an answer of 500 without details, and one
    # line in the host's rack.errors. Threads may share one endpoint.
    class Endpoint
      # What can be asked for: the path below the mount point, and how the report becomes a body.
      JSON_REPORT = ["application/json; charset=utf-8", ->(report) { Formats::Json.generate(report.to_h) }].freeze
      TEXT_REPORT = ["text/plain; charset=utf-8", ->(report) { Formats::Text.new(report, unicode: true).to_s }].freeze
      RESOURCES = {"" => JSON_REPORT, "/" => JSON_REPORT, "/report.txt" => TEXT_REPORT}.freeze

      METHODS = ["GET", "HEAD"].freeze

      # How long one reading serves: short for an eye, long for a burst.
      SECONDS = 1

      # What an answer to a request must not bring down; a signal or an exit is none of this.
      FAILURES = [StandardError, ScriptError, NoMemoryError, SystemStackError].freeze

      # allow:: called with the Rack environment of each request; anything but nil and false lets it in
      # report:: where the report comes from
      def initialize(allow: Loopback, report: -> { AllocStats.report })
        raise InvalidValue, "allow must be something to call with a request: #{allow.inspect}" unless allow.respond_to?(:call)

        @allow = allow
        @report = SharedReading.new(seconds: SECONDS, &report)
      end

      def call(env)
        status, headers, body = answer(env)
        headers["cache-control"] = "no-store"
        headers["content-length"] = body.bytesize.to_s
        [status, headers, (env["REQUEST_METHOD"] == "HEAD") ? [] : [body]]
      end

      private

      # Who may not ask learns nothing else, not even which paths there are.
      def answer(env)
        return refusal(403, "forbidden") unless @allow.call(env)

        type, render = RESOURCES[env["PATH_INFO"].to_s]
        return refusal(404, "not found") unless render
        return refusal(405, "method not allowed", "allow" => METHODS.join(", ")) unless METHODS.include?(env["REQUEST_METHOD"])

        [200, {"content-type" => type}, render.call(@report.value)]
      rescue *FAILURES => error
        tell(env, error)
        refusal(500, "internal error")
      end

      def refusal(status, reason, headers = {})
        [status, {"content-type" => "application/json; charset=utf-8", **headers}, %({"error":"#{reason}"}\n)]
      end

      def tell(env, error)
        env["rack.errors"]&.puts("allocstats: no report could be given: #{error.class}: #{error.message[/.*/]}")
      rescue *FAILURES
        # A host that cannot log still gets its answer.
      end
    end
  end
end
