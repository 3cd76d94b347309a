# frozen_string_literal: true

module AllocStats
  module Rack
    # The lines that the endpoint leaves in the host's log: who was let change something and what came of it, who was not
    # let in and why, what went wrong. Under Rails in its logger, elsewhere in rack.errors, which servers write where they
    # write their own. What a client has sent is made printable first, and cut short.
    module Log
      LONGEST = 120

      module_function

      # What was changed, or asked to be: logged whatever the level.
      def audit(env, line) = write(env, :unknown, line)

      # Who was not let in, and why.
      def refusal(env, line) = write(env, :warn, line)

      # What is to be read when the server starts; no request has brought it.
      def boot(line) = write({}, :warn, line)

      # What went wrong inside. It has its place in rack.errors, which error trackers read.
      def failure(env, what, error) = put(env["rack.errors"], "#{what}: #{error.class}: #{error.message[/.*/]}")

      # The peer and, where a proxy names one, who it says that it asks for.
      def peer(env)
        claimed = env["HTTP_X_FORWARDED_FOR"] || env["HTTP_FORWARDED"]
        "#{short(env["REMOTE_ADDR"] || "an unknown address")}#{" (for #{short(claimed)}, as it says)" if claimed}"
      end

      # "POST /allocator/purge"
      def request(env) = "#{short(env["REQUEST_METHOD"])} #{short("#{env["SCRIPT_NAME"]}#{env["PATH_INFO"]}")}"

      def short(text) = Formats.line(text)[0, LONGEST]

      def write(env, severity, line)
        logger = Loaded.constant("Rails")&.then { |rails| rails.logger if rails.respond_to?(:logger) }
        logger ? logger.public_send(severity, "allocstats: #{line}") : put(env["rack.errors"] || $stderr, line)
      rescue *Endpoint::FAILURES
        # A host that cannot log still gets its answer.
      end

      def put(stream, line)
        stream&.puts("allocstats: #{line}")
      rescue *Endpoint::FAILURES
        # Neither does one whose log is closed.
      end

      private_class_method :write, :put
    end
  end
end
