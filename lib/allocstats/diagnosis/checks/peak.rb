# frozen_string_literal: true

module AllocStats
  class Diagnosis
    module Checks
      # The process once had far more than now: a peak, and no leak. The limit has to hold it all the same.
      class Peak < Check
        needs :peak, :memory

        def finding
          rss = memory[:rss]
          gone = rss && peak - rss
          return unless Thresholds::PEAK.reached?(gone, peak)
          found("This was a peak: #{bytes(peak)} were resident once, and #{bytes(rss)} are now.",
            evidence: ["VmHWM is #{bytes(peak)}, #{format("%.1f", peak.fdiv(rss))} times what is resident now", limit],
            remedy: "echo 5 > /proc/#{target.pid || "PID"}/clear_refs   # forgets it; find_each and streams in place of whole results let it not come again")
        end

        private

        def limit
          memory.dig(:limit, :bytes)&.then { |limit| "it took #{percent(peak, limit)} of the limit of #{bytes(limit)}" }
        end
      end
    end
  end
end
