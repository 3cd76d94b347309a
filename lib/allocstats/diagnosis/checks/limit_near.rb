# frozen_string_literal: true

module AllocStats
  class Diagnosis
    module Checks
      # What the control group uses and cannot drop (anon, sock and kernel) nears its limit: the kernel reclaims, and then
      # kills.
      class LimitNear < Check
        needs :cgroup
        probed :cgroup, "cgroup:usage", type: "system", unit: "bytes"
        explains :resident_near_limit, :memory_pressure

        def measured? = cgroup[:usage] && cgroup[:limit] && true

        def unmeasured = cgroup[:reasons]&.values_at(:version, :usage, :limit)&.compact&.first

        def reached?(limit) = limit.reached?(value, cgroup[:limit])

        def value = cgroup[:usage]

        def sentence = "#{bytes(value)} of #{bytes(cgroup[:limit])} (#{cgroup[:limit_source]})"

        def finding
          return unless measured? && level
          found("The control group uses #{percent(value, cgroup[:limit])} of its limit; above it the kernel kills.", severity: severity,
            evidence: ["#{bytes(value)} of #{bytes(cgroup[:limit])} are used, by #{cgroup[:usage_definition]}", "the limit is #{cgroup[:limit_source]}", own_part, pressure],
            remedy: "AllocStats.purge   # at once; then fewer workers, or a limit above #{bytes((value / 0.75).round)}")
        end

        private

        def own_part
          memory&.fetch(:rss)&.then { |rss| "this process has #{bytes(rss)} of it resident" }
        end

        def pressure
          share = cgroup.dig(:pressure, :some, :avg60) or return
          "in the last minute, some of its tasks waited for memory #{share} % of the time"
        end
      end
    end
  end
end
