# frozen_string_literal: true

module AllocStats
  class Diagnosis
    # How the resident set grows, and which layer of it: over a history of samples, or between two readings.
    #
    # A history is judged by the medians of its thirds, which single peaks do not move, and by the slope of a robust line:
    # it grows when each third is above the one before it, the last by no less than half of what the second was, and the
    # line rises by what Thresholds say for an hour. A layer is the cause when it grew the same way, and has at least half
    # of the growth: its own figure moved. What no layer explains, and what only live blocks of malloc explain, is
    # `growing`: a trend alone never proves a leak.
    class Growth
      autoload :History, "allocstats/diagnosis/growth/history"
      autoload :Interval, "allocstats/diagnosis/growth/interval"

      HOUR = 3600.0

      # layer => what people call it. `malloc` is there where live and kept cannot be told apart.
      LAYERS = {
        rss: "resident", live: "live in malloc", kept: "kept by malloc", malloc: "malloc, live and kept together",
        ruby_heap: "Ruby's own heap", ruby_heap_live: "objects in Ruby's heap", files: "files and shared memory",
        stacks: "stacks of threads", other: "other mappings"
      }.freeze

      # What can be said, in the order in which it is tried.
      VERDICTS = %i[warming_up steady retention ruby_objects files stacks mappings growing].freeze

      # verdict => the layer whose growth is the cause
      CAUSES = {retention: :kept, ruby_objects: :ruby_heap_live, files: :files, stacks: :stacks, mappings: :other}.freeze

      # What a ledger says, layer by layer.
      # @param ledger [Hash] Ledger#to_h
      # @return [Hash{Symbol => Integer, nil}]
      def self.layers(ledger)
        told = ledger[:layers]
        sum = ->(*names) { told.values_at(*names).then { |parts| parts.sum if parts.none?(nil) } }
        {rss: ledger[:rss], live: told[:malloc_live], kept: told[:malloc_kept], malloc: told[:malloc], ruby_heap: sum[:ruby_heap_live, :ruby_heap_free]&.+(told.values_at(:ruby_heap_empty, :ruby_transient).compact.sum),
         ruby_heap_live: told[:ruby_heap_live], files: sum[:files, :shared], stacks: told[:stacks], other: sum[:other, :jit, :private_heap]}
      end

      # Seconds from the first step to the last.
      attr_reader :seconds
      # :warming_up, :steady, ... of VERDICTS; nil where the resident set is not known.
      attr_reader :verdict

      # @param steps [Hash{Symbol => Array}] layer => bytes, one after the other; nil where not known
      # @param seconds [Numeric] from the first step to the last
      # @param kept [Hash, nil] {live:, kept:} by a count taken at the end, where the steps have malloc alone
      # @param counted [Hash{Symbol => Array}] steps of what the allocator itself counts, where that is an upper bound of the
      #   layer: more of what it has committed can be resident without its having grown, and so can be anybody's
      def initialize(steps:, seconds:, source:, kept: nil, counted: {})
        @steps = steps
        @counted = counted
        @seconds = seconds
        @source = source
        @kept = kept
        @verdict = find_verdict
      end

      # Whether a layer was measured each time.
      def known?(layer) = @steps[layer]&.none?(nil) || false

      # By how many bytes a layer grew from the first step to the last.
      # @return [Integer, nil]
      def bytes(layer) = known?(layer) ? (@steps[layer].last - @steps[layer].first).round : nil

      # The same for an hour.
      # @return [Integer, nil]
      def per_hour(layer) = bytes(layer)&.then { |count| (count * HOUR / @seconds).round }

      # How much the resident set grows an hour; where there are more points than steps, by a line through all of them.
      # @return [Integer, nil]
      def rate = per_hour(:rss)

      # Whether the resident set grows, and by enough.
      # @param threshold [#reached?] of the part and the whole
      def grows?(threshold = level) = rising?(:rss) && !slowing? && threshold.reached?(measure, @steps[:rss].first)

      # The layer that the verdict names, nil where it names none.
      def layer
        case verdict
        when :growing then [:live, :malloc].find { |name| cause?(name) }
        when :retention then known?(:kept) ? :kept : :malloc
        else CAUSES[verdict]
        end
      end

      # What the cause took, as far as it was measured: of the whole growth where there is no cause.
      def cost = (verdict == :retention && !known?(:kept)) ? kept_at_least : bytes(layer || :rss)

      # @return [Array<String>] what was seen, the figures that moved first
      def evidence
        known = LAYERS.keys.select { |name| known?(name) }
        moved = known.sort_by.with_index { |name, index| [(name == :rss) ? 0 : 1, (name == layer) ? 0 : 1, index] }
        ["these are #{@source}", *moved.map { |name| line(name) }, census].compact
      end

      private

      def find_verdict
        return unless known?(:rss)
        return :warming_up if rising?(:rss) && slowing? && level.reached?(measure, @steps[:rss].first)
        return :steady unless grows?
        return :retention if kept_cause?
        CAUSES.keys.find { |name| name != :retention && cause?(CAUSES.fetch(name)) } || :growing
      end

      def rising?(layer) = known?(layer) && @steps[layer].each_cons(2).all? { |one, next_one| next_one > one }

      # Between two readings nothing can be slower than before.
      def slowing?
        rises = @steps[:rss].each_cons(2).map { |one, next_one| next_one - one }
        rises.size > 1 && rises.last < rises.first * Thresholds::GROWTH_SLOWING
      end

      def cause?(layer) = rising?(layer) && enough?(bytes(layer)) && counted?(layer)

      def counted?(layer)
        steps = @counted[layer]
        steps.nil? || steps.any?(nil) || enough?(steps.last - steps.first)
      end

      def enough?(count) = count.to_i >= bytes(:rss) * Thresholds::GROWTH_CAUSE

      def kept_cause? = known?(:kept) ? cause?(:kept) : enough?(kept_at_least)

      # What is kept at the end was not kept at the beginning as far as it exceeds all that malloc had then.
      def kept_at_least
        last = @kept&.fetch(:kept) or return
        last - @steps[:malloc].first.round if known?(:malloc)
      end

      def line(layer) = "#{LAYERS.fetch(layer)}: #{@steps[layer].map { |step| Formats::Units.inline_bytes(step.round) }.join(", then ")}"

      def census
        return unless @kept&.values_at(:live, :kept)&.all? && known?(:malloc)
        live, kept = @kept.values_at(:live, :kept).map { |count| Formats::Units.inline_bytes(count) }
        "of malloc's memory #{live} are live now, and #{kept} kept"
      end
    end
  end
end
