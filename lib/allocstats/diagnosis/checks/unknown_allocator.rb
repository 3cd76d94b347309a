# frozen_string_literal: true

module AllocStats
  class Diagnosis
    module Checks
      # malloc belongs to an object that allocstats does not know: nothing of it can be measured, tuned or purged.
      class UnknownAllocator < Check
        needs :ownership

        def finding
          return unless ownership[:verdict] == :unknown
          found("malloc belongs to an object that allocstats does not know.", evidence: [ownership[:sentence], *ownership[:evidence]].uniq, remedy: exec_line(nil))
        end
      end
    end
  end
end
