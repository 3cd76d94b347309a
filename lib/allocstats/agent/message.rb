# frozen_string_literal: true

require "json"

module AllocStats
  class Agent
    # What one worker can ask of others: written as text into the memory that they share, and done by each one's agent. The
    # text may be anything: what is not as a worker writes it is answered by "failed", and what fails goes no further.
    module Message
      PURGE = 1
      TUNE = 2
      LEDGER = 3

      # What comes of it that is no fault of the agent's.
      FAILURES = [StandardError, ScriptError, NoMemoryError, SystemStackError].freeze

      module_function

      # What is asked, as it goes into the shared memory.
      def text(options)
        JSON.generate(options)
      end

      # Does it, whatever comes of it.
      # @return [Array(String, String or nil, Integer or nil, Float)] outcome, reason, released bytes, seconds
      def run(kind, text, number)
        begun = Clock.now
        [*perform(kind, parse(text), number), Clock.now - begun]
      rescue *FAILURES => error
        ["failed", reason(error), nil, Clock.now - begun]
      end

      def perform(kind, options, number)
        case kind
        when PURGE then purge(**options)
        when TUNE then tune(**options)
        when LEDGER then ledger(number)
        else ["refused", "this worker does not know what was asked", nil]
        end
      end

      # @raise [InvalidValue]
      def parse(text)
        options = JSON.parse(text, symbolize_names: true)
        options.is_a?(Hash) ? options : raise(InvalidValue, "what was asked has no options")
      rescue JSON::ParserError, EncodingError
        raise InvalidValue, "what was asked cannot be read"
      end

      def purge(gc:, compact:)
        purge = Purge.run(gc: truth(gc), compact: truth(compact))
        [purge.outcome.to_s, purge.reason, purge.released]
      end

      def tune(profile:, options:)
        raise InvalidValue, "a profile is a name" unless profile.nil? || profile.is_a?(String)
        raise InvalidValue, "options are names with values" unless options.is_a?(Hash)
        outcome_of(Tuner.tune(profile&.to_sym, options))
      end

      def ledger(number)
        ledger = Ledger.read
        SharedMemory.reply(number, JSON.generate(rss: ledger.rss, bytes: ledger.layers.to_h { |layer| [layer.name, layer.bytes] }, reasons: ledger.reasons))
        ["read", nil, nil]
      end

      def truth(value)
        [true, false].include?(value) ? value : raise(InvalidValue, "gc and compact are true or false")
      end

      def outcome_of(tuning)
        failed = tuning.failed
        failed.empty? ? ["tuned", nil, nil] : ["partly", failed.map { |name, why| "#{name}: #{why}" }.join("; "), nil]
      end

      # A sentence of ours says it; of another error the class does too.
      def reason(error)
        error.is_a?(Error) ? error.message : "#{error.class}: #{error.message}"
      end

      private_class_method :perform, :parse, :purge, :tune, :ledger, :truth, :reason
    end
  end
end
