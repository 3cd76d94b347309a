# frozen_string_literal: true

module AllocStats
  class Diagnosis
    module Checks
      # An allocator is loaded and serves nobody: a library brought it along, and whoever looks at the list of mapped
      # files takes it for the one that runs.
      class UnusedAllocator < Check
        needs :ownership

        def finding
          return unless ownership[:verdict] == :mapped_unused
          found("Another allocator is loaded and not used.", evidence: [ownership[:sentence], *ownership[:evidence]].uniq,
            remedy: "LD_PRELOAD=LIBRARY   # if it was meant to run; otherwise the gem that links it can be built without it")
        end
      end
    end
  end
end
