# frozen_string_literal: true

module AllocStats
  class Workers
    # What came of purging all workers.
    #
    # - `answers` (Array<Hash>) one a worker: {index:, pid:, outcome:, released:, reason:, seconds:}. The outcome is that
    #   of Purge as a String, "failed" with an error's sentence, "no_answer" with why not, or "pending" (of Pending#poll)
    # - `released` (Integer) bytes, of all those that know theirs
    class Purge
      def self.run(workers, only:, timeout:, **options)
        asked = only ? [workers.fetch(only)] : workers.select(&:alive?)
        own, answers = request(asked, only, timeout, options).run { purge_here(asked, options) }
        of(asked, own, answers)
      end

      # @return [Pending]
      def self.begin(workers, only:, timeout:, **options)
        asked = only ? [workers.fetch(only)] : workers.select(&:alive?)
        begun = request(asked, only, timeout, options).begin
        own = purge_here(asked, options)
        Pending.new(begun) { |answers| of(asked, own, answers) }
      end

      def self.request(asked, only, timeout, options)
        Request.new(asked.reject(&:self?), kind: Agent::Message::PURGE, options: options, timeout: timeout, only: !only.nil?)
      end

      def self.purge_here(asked, options)
        AllocStats::Purge.run(**options) if asked.any?(&:self?)
      end

      def self.of(asked, own, answers)
        new(asked.map { |worker| answer(worker, worker.self? ? own.to_h : answers[worker]) })
      end

      private_class_method :request, :purge_here, :of

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
        answers.none? { |answer| %w[no_answer pending].include?(answer[:outcome]) }
      end

      # Whether nothing more is to come.
      def settled?
        answers.none? { |answer| answer[:outcome] == "pending" }
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
