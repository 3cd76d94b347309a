# frozen_string_literal: true

module AllocStats
  class Health
    # What the control group uses and cannot drop (anon, sock and kernel) against its limit, at which the kernel kills.
    class GroupUsage < Check
      NAME = "cgroup:usage"
      TYPE = "system"
      UNIT = "bytes"

      def finding
        group = facts.cgroup
        missing = [:version, :usage, :limit].find { |name| group.public_send(name).nil? }
        return unknown("Not judged: #{group.reasons[missing]}.") if missing

        status, why = judge(:cgroup) { |level| level.reached?(group.usage, group.limit) }
        found(status, group.usage, "#{bytes(group.usage)} of #{bytes(group.limit)} (#{group.limit_source})#{"; #{why}" if why}.")
      end
    end
  end
end
