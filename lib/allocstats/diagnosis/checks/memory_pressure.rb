# frozen_string_literal: true

module AllocStats
  class Diagnosis
    module Checks
      # The share of time in which some task of the control group waited for memory (PSI), over a window of the kernel's
      # own. It rises before a limit kills, and where a limit is reached without harm it does not.
      class MemoryPressure < Check
        needs :cgroup
        probed :pressure, "memory:pressure", type: "system", unit: "percent", windowed: true

        def measured? = cgroup[:pressure]&.fetch(:some) && true

        def unmeasured = cgroup[:reasons]&.fetch(:pressure, nil)

        def reached?(limit) = share(limit) >= limit.ratio * 100

        def value = share(limit)

        def sentence = "Some task waited for memory in #{value} % of #{limit&.seconds || 60} s (#{cgroup[:pressure][:source]})"

        def finding
          return unless measured? && level
          found("Some task of the control group waited for memory in #{value} % of the last #{limit.seconds} s.", severity: severity,
            evidence: [cgroup[:pressure][:source], ("#{bytes(cgroup[:usage])} of #{bytes(cgroup[:limit])} are used" if cgroup[:usage] && cgroup[:limit])],
            remedy: "AllocStats.purge   # at once; then fewer workers, or a higher limit")
        end

        private

        # The limit that is reached, or else the one that is asked first.
        def limit = worst&.last || target.limits.of(:pressure, :warn) || target.limits.of(:pressure, :fail)

        def share(limit) = cgroup[:pressure][:some].fetch(Limits::WINDOWS.fetch(limit&.seconds || 60))
      end
    end
  end
end
