# frozen_string_literal: true

module AllocStats
  module Doctor
    module Findings
      # malloc holds far more than it has given out.
      class MemoryKept < Examination
        needs :kept, :allocator

        def examine
          room, live, rss = kept.values_at(:bytes, :live, :rss)
          return unless Thresholds::KEPT.reached?(room, rss)
          found("#{title} keeps #{bytes(room)} that nobody uses, #{percent(room, rss)} of the resident set.", cost: room,
            evidence: ["#{bytes(room)} of #{bytes(rss)} resident: #{kept[:source]}", ratio(room, live), "this counts from #{Thresholds::KEPT} of the resident set on"],
            remedy: "AllocStats.purge   # gives back what is free as whole pages; AllocStats.tune(:low_memory) in config/puma.rb keeps it low")
        end

        private

        def ratio(room, live)
          "#{bytes(live)} are live; malloc holds #{format("%.1f", (room + live).fdiv(live))} times as much" if live&.positive?
        end
      end
    end
  end
end
