# frozen_string_literal: true

module AllocStats
  class Diagnosis
    module Checks
      # The resident set nears the smallest limit that it lives under: a control group's, or the machine's memory. In a
      # cluster the workers share that limit, so it is what they have together, each shared page counted once (PSS).
      class ResidentNearLimit < Check
        needs :resident
        probed :rss, "memory:resident", type: "system", unit: "bytes"

        def reached?(limit) = limit.reached?(value, resident[:limit])

        def value = resident[:bytes]

        def sentence = "#{bytes(value)} #{resident[:whose]}, of #{bytes(resident[:limit])} (#{resident[:source]})"

        def finding
          return unless level
          found("#{bytes(value)} are resident #{resident[:whose]}, #{percent(value, resident[:limit])} of the limit.", severity: severity, cost: nil,
            evidence: ["the limit is #{resident[:source]}, #{bytes(resident[:limit])}", counts_from("it")],
            remedy: "AllocStats.purge   # at once; then fewer workers, or a limit above #{bytes((value / 0.75).round)}")
        end
      end
    end
  end
end
