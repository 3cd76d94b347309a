# frozen_string_literal: true

module AllocStats
  class Diagnosis
    module Checks
      # malloc holds far more than it has given out.
      class MemoryKept < Check
        needs :kept, :allocator
        probed :kept, "allocator:kept", type: "component", unit: "bytes"

        # The history may know that it has lasted for longer than anyone has looked.
        def reached?(limit)
          return false unless limit.reached?(value, kept[:rss])
          points = kept[:points].respond_to?(:call) ? kept[:points].call(limit.seconds) : kept[:points].to_a
          since = points.reverse_each.take_while { |_, bytes, rss| limit.reached?(bytes, rss) }.last
          since ? Time.at(since.first) : true
        end

        def value = kept[:bytes]

        def sentence = "pid #{kept[:pid] || target.pid} keeps #{bytes(value)} of #{bytes(kept[:rss])}"

        def finding
          return unless level
          found("#{title} keeps #{bytes(value)} that nobody uses, #{percent(value, kept[:rss])} of the resident set.", cost: value, severity: severity,
            evidence: ["#{bytes(value)} of #{bytes(kept[:rss])} resident: #{kept[:source]}", ratio, counts_from("the resident set")],
            remedy: "AllocStats.purge   # #{purgeable}; AllocStats.tune(:low_memory) in config/puma.rb keeps it low")
        end

        private

        # Where the allocator counts its free pages these come back; of the room between blocks nobody knows.
        def purgeable
          free = (sample || {}).values_at(:dirty, :muzzy).compact
          free.any? ? "gives back about #{bytes(free.sum)}" : "gives back what is free as whole pages"
        end

        def ratio
          live = kept[:live]
          "#{bytes(live)} are live; malloc holds #{format("%.1f", (value + live).fdiv(live))} times as much" if live&.positive?
        end
      end
    end
  end
end
