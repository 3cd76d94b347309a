# frozen_string_literal: true

module AllocStats
  module Doctor
    # How the resident set, and what of it is live, grew: over a history of samples, or between two readings.
    #
    # A history is judged by the medians of its thirds, which single peaks do not move: it grows when each third is above
    # the one before it, and as a whole by what Thresholds::GROWTH says for an hour.
    class Growth
      HOUR = 3600.0
      COLUMNS = {rss: 1, live: 2, kept: 3}.freeze
      NAMES = {rss: "resident", live: "live in malloc", kept: "kept by malloc"}.freeze

      # @param points [Array] of [seconds, rss, live, kept]
      # @return [Growth, nil] nil where they are too few
      def self.of(points)
        seconds = points.last.first - points.first.first
        return if points.size < Thresholds::GROWTH_POINTS || seconds < Thresholds::GROWTH_SECONDS
        thirds = points.each_slice((points.size / 3.0).ceil).to_a
        steps = COLUMNS.to_h { |figure, column| [figure, thirds.map { |third| median(third.map { |point| point[column] }) }] }
        # From the middle of the first third to that of the last.
        new(steps: steps, seconds: seconds * 2 / 3.0, threshold: Thresholds::GROWTH, source: "the medians of the thirds of #{(seconds / 60).round} minutes")
      end

      # @param interval [Hash] of Subject::FACTS
      def self.between(interval)
        first = interval[:purged] || interval[:before]
        steps = COLUMNS.keys.to_h { |figure| [figure, [first[figure], interval[:after][figure]]] }
        source = "two readings, #{interval[:seconds]} s apart#{" and after a purge" if interval[:purged]}"
        new(steps: steps, seconds: interval[:seconds], threshold: Thresholds::GROWTH_BETWEEN, source: source)
      end

      def self.median(values)
        values.none?(nil) ? values.sort[values.size / 2] : nil
      end

      # @param steps [Hash{Symbol => Array}] figure => bytes, one after the other
      # @param seconds from the first step to the last
      def initialize(steps:, seconds:, threshold:, source:)
        @steps = steps
        @seconds = seconds
        @threshold = threshold
        @source = source
      end

      # Whether a figure was measured each time.
      def known?(figure) = @steps.fetch(figure).none?(nil)

      # By how many bytes a figure grew from the first step to the last.
      def bytes(figure) = @steps.fetch(figure).last - @steps.fetch(figure).first

      # The same for an hour, as an Integer.
      def per_hour(figure) = (bytes(figure) * HOUR / @seconds).round

      # Whether it grew each time, and by enough to count.
      def grows?(figure)
        return false unless known?(figure) && known?(:rss)
        measured = (@threshold == Thresholds::GROWTH) ? per_hour(figure) : bytes(figure)
        @steps[figure].each_cons(2).all? { |one, next_one| next_one > one } && @threshold.reached?(measured, @steps[:rss].first)
      end

      def evidence
        lines = @steps.keys.select { |figure| known?(figure) }.map { |figure|
          "#{NAMES.fetch(figure)}: #{@steps[figure].map { |step| Formats::Units.inline_bytes(step) }.join(", then ")}"
        }
        ["these are #{@source}", *lines]
      end
    end
  end
end
