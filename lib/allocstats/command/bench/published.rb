# frozen_string_literal: true

module AllocStats
  module Command
    class Bench
      # The published benchmark of Ruby under malloc (Work says what it does), at a share of its size.
      class Published
        # As published.
        SIZE = {threads: 4, rounds: 20, strings: 3_000_000, bytes: 1024, keep: 17}.freeze
        WORK = File.expand_path("published_work.rb", __dir__)

        # Seconds of rest: Ruby keeps the native threads of ended threads for three.
        SETTLE = 4.0

        # What a run has in bytes.
        FIGURES = %i[before end settled purged peak].freeze

        # One run: bytes of resident memory before the work, at its `end`, `settled` after the rest, `purged` by
        # AllocStats.purge, and at most; `seconds` of the work, `purge_seconds`, `p99` of the hundredths of all rounds in
        # seconds; and `memory`, [seconds since the work began, resident bytes].
        Run = Struct.new(*FIGURES, :seconds, :purge_seconds, :p99, :ended_at, :purged_at, :memory, keyword_init: true) do
          # Over what the process had before the work.
          def over(figure) = self[figure] - before
        end

        attr_reader :parameters

        # @param size [Numeric] 1 is the published one; it scales the strings of each round
        # @param settle [Float] seconds of rest after the work
        def initialize(size:, settle: SETTLE)
          @parameters = SIZE.merge(strings: [(SIZE[:strings] * size).round, 1].max, settle: settle).freeze
        end

        # @param environment [Hash] what the process is started with
        # @param tune [Symbol, nil] a profile that it sets itself, by AllocStats.tune
        # @return [Run]
        def run(environment, tune: nil)
          result = Child.run(WORK, [*parameters.values, *tune], environment)
          answer = result.answer
          memory = result.memory.map { |time, bytes| [time - answer[:began_at], bytes] }
          Run.new(peak: [*memory.map(&:last), *answer.values_at(:before, :end, :settled)].max,
            ended_at: answer[:ended_at] - answer[:began_at], purged_at: answer[:purged_at] - answer[:began_at],
            memory: memory.select { |time, _| time >= 0 }, **answer.slice(:before, :end, :settled, :purged, :seconds, :purge_seconds, :p99))
        end

        def to_s
          "#{parameters[:threads]} threads, each #{parameters[:rounds]} rounds of #{Formats::Units.count(parameters[:strings])} strings of " \
            "#{parameters[:bytes]} bytes, every #{parameters[:keep]}th kept until the end of its round"
        end
      end
    end
  end
end
