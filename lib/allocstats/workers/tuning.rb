# frozen_string_literal: true

module AllocStats
  class Workers
    # What came of tuning all workers.
    #
    # - `own` (AllocStats::Tuning, nil) of this process, with all its values; nil where another one alone was asked
    # - `answers` (Array<Hash>) one a worker: {index:, pid:, outcome:, reason:, seconds:}. The outcome is "tuned"; "partly"
    #   with what failed; "failed" with an error's sentence; or "no_answer"
    class Tuning
      def self.run(workers, only:, timeout:, profile:, options:)
        asked = only ? [workers.fetch(only)] : workers.select(&:alive?)
        own, here = tune_here(profile, options) if asked.any?(&:self?)
        others = asked.reject(&:self?)
        _, answers = Request.new(others, kind: Agent::Message::TUNE, options: {profile: profile, options: options}, timeout: timeout, only: !only.nil?).run {}
        new(own, asked.map { |worker| Purge.answer(worker, worker.self? ? here : answers[worker]).except(:released) })
      end

      def self.tune_here(profile, options)
        begun = Clock.now
        own = Tuner.tune(profile, options)
        outcome, reason = Agent::Message.outcome_of(own)
        [own, {outcome: outcome, reason: reason, seconds: Clock.now - begun}]
      end
      private_class_method :tune_here

      attr_reader :own, :answers

      def initialize(own, answers)
        @own = own
        @answers = answers.map(&:freeze).freeze
        freeze
      end

      # Whether everything that was asked for is in force in every worker.
      def complete?
        answers.all? { |answer| answer[:outcome] == "tuned" }
      end

      def to_h
        {complete: complete?, own: own&.to_h, answers: answers}
      end

      def inspect
        "#<AllocStats::Workers::Tuning #{answers.map { |answer| "#{answer[:index]} #{answer[:outcome]}" }.join(", ")}>"
      end
    end
  end
end
