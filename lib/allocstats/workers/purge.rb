# frozen_string_literal: true

module AllocStats
  class Workers
    # What came of purging all workers.
    #
    # - `answers` (Array<Hash>) one a worker: {index:, pid:, outcome:, released:, reason:, seconds:}. The outcome is that
    #   of Purge as a String, "failed" with an error's sentence, or "no_answer" with why not
    # - `released` (Integer) bytes, of all those that know theirs
    class Purge
      def self.run(workers, timeout:, **options)
        others = workers.select { |worker| worker.alive? && !worker.self? }
        own, answers = Request.new(others, kind: Sampler::Errand::PURGE, options: options, timeout: timeout).run { AllocStats.purge(**options) }
        new(workers.select(&:alive?).map { |worker| answer(worker, worker.self? ? own.to_h : answers[worker]) })
      end

      # @param given [Hash] what the worker has answered, or why it has not
      def self.answer(worker, given)
        {
          index: worker.index, pid: worker.pid, outcome: given[:outcome].to_s, released: given[:released],
          reason: given[:reason], seconds: given[:seconds]
        }
      end

      attr_reader :answers

      def initialize(answers)
        @answers = answers.map(&:freeze).freeze
        freeze
      end

      def released
        answers.sum { |answer| answer[:released].to_i }
      end

      # Whether every worker has answered.
      def complete?
        answers.none? { |answer| answer[:outcome] == "no_answer" }
      end

      def to_h
        {released: released, complete: complete?, answers: answers}
      end

      def inspect
        "#<AllocStats::Workers::Purge #{released} bytes: #{answers.map { |answer| "#{answer[:index]} #{answer[:outcome]}" }.join(", ")}>"
      end
    end
  end
end
