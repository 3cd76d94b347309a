# frozen_string_literal: true

module AllocStats
  class Diagnosis
    module Checks
      # A garbage collector visits all its pages again and again: what is swapped out makes it wait for the disk.
      class Swap < Check
        needs :memory

        def finding
          swapped, rss = memory[:swap], memory[:rss]
          return unless swapped && rss && Thresholds::SWAP.reached?(swapped, swapped + rss)
          found("#{bytes(swapped)} of this process are swapped out.", cost: swapped,
            evidence: ["#{bytes(rss)} are resident: #{percent(swapped, swapped + rss)} of what the process has is on the disk"],
            remedy: "sysctl vm.swappiness=1   # keeps the kernel from it; what is out comes back with fewer workers, or more memory")
        end
      end
    end
  end
end
