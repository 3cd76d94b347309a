# frozen_string_literal: true

module AllocStats
  class Health
    # The resident set against the smallest limit it lives under: a control group's, or the machine's memory. In a cluster
    # the workers share that limit, so it is what they have together, each shared page counted once (PSS).
    class Resident < Check
      NAME = "memory:resident"
      TYPE = "system"
      UNIT = "bytes"

      def finding
        limit = facts.limit or return unknown("No limit is known: #{facts.cgroup.reasons[:limit]}.")
        bytes, whose = resident
        return unknown("The resident set cannot be read.") unless bytes

        status, why = judge(:rss) { |level| level.reached?(bytes, limit.bytes) }
        found(status, bytes, "#{bytes(bytes)} #{whose}, of #{bytes(limit.bytes)} (#{limit.source})#{"; #{why}" if why}.")
      end

      private

      def resident
        count = facts.workers.count(&:alive?)
        together = facts.workers.total[:pss] || facts.workers.workers_total[:pss] if count > 1
        together ? [together, "in #{count} workers"] : [facts.rss, "in this process"]
      end
    end
  end
end
