# frozen_string_literal: true

module AllocStats
  module Doctor
    module Findings
      # The control group uses nearly all that it may: the kernel reclaims, and then kills.
      class LimitNear < Examination
        needs :memory

        def examine
          group = memory[:cgroup]
          usage, limit = group[:usage], group[:limit]
          return unless Thresholds::LIMIT.reached?(usage, limit)
          found("The control group uses #{percent(usage, limit)} of its limit; above it the kernel kills.", severity: :wrong,
            evidence: ["#{bytes(usage)} of #{bytes(limit)} are used, by #{group[:usage_definition]}", "the limit is #{group[:limit_source]}", resident, pressure(group)],
            remedy: "AllocStats.purge   # at once; then fewer workers, or a limit above #{bytes((usage / 0.75).round)}")
        end

        private

        def resident
          "this process has #{bytes(memory[:rss])} of it resident" if memory[:rss]
        end

        def pressure(group)
          share = group.dig(:pressure, :some, :avg60) or return
          "in the last minute, some of its tasks waited for memory #{share} % of the time"
        end
      end
    end
  end
end
