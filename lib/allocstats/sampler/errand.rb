# frozen_string_literal: true

require "json"

module AllocStats
  class Sampler
    # What one worker can ask of all: written as text into the page that they share, and done by each one's sampler.
    module Errand
      PURGE = 1
      TUNE = 2

      module_function

      # What is asked, as it goes into the page.
      def text(options)
        JSON.generate(options)
      end

      # Does it, whatever comes of it.
      # @return [Array(String, String or nil, Integer or nil, Float)] outcome, reason, released bytes, seconds
      def run(kind, text)
        begun = Clock.now
        options = JSON.parse(text, symbolize_names: true)
        case kind
        when PURGE then purge(options)
        when TUNE then tune(options)
        else ["refused", "this worker does not know what was asked", nil]
        end.push(Clock.now - begun)
      rescue Error, JSON::ParserError => error
        ["failed", error.message, nil, Clock.now - begun]
      end

      def purge(options)
        purge = AllocStats.purge(**options.slice(:gc, :compact))
        [purge.outcome.to_s, purge.reason, purge.released]
      end

      def tune(options)
        outcome_of(AllocStats.tune(options[:profile]&.to_sym, **options.fetch(:options, {})))
      end

      def outcome_of(tuning)
        failed = tuning.failed
        failed.empty? ? ["tuned", nil, nil] : ["partly", failed.map { |name, why| "#{name}: #{why}" }.join("; "), nil]
      end
    end
  end
end
