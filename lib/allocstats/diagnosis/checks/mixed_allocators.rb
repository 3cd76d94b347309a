# frozen_string_literal: true

module AllocStats
  class Diagnosis
    module Checks
      # malloc, free and their kin belong to different objects: a block that one gave and another takes back ends the
      # process sooner or later.
      class MixedAllocators < Check
        needs :ownership

        def finding
          return unless ownership[:verdict] == :mixed
          found("The functions of malloc belong to different allocators.", severity: :wrong, evidence: [ownership[:sentence], *ownership[:evidence]].uniq,
            remedy: "LD_PRELOAD=LIBRARY   # one allocator that has all of malloc, and before every other")
        end
      end
    end
  end
end
