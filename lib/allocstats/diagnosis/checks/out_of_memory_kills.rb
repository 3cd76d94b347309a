# frozen_string_literal: true

module AllocStats
  class Diagnosis
    module Checks
      # The kernel has killed for want of memory in this control group since the group was made.
      class OutOfMemoryKills < Check
        needs :memory

        def finding
          group = memory[:cgroup]
          kills = group.dig(:events, :oom_kill).to_i
          return unless kills.positive?
          found("The kernel has killed #{kills} #{(kills == 1) ? "process" : "processes"} of this control group for want of memory.",
            evidence: ["oom_kill is #{kills} since #{group[:path]} was made", ("the limit is #{bytes(group[:limit])}: #{group[:limit_source]}" if group[:limit])],
            remedy: "#{exec_line(nil).sub(" -- ", " --profile low_memory -- ")}   # or fewer workers, or a higher limit")
        end
      end
    end
  end
end
