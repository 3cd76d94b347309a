# frozen_string_literal: true

module AllocStats
  class Diagnosis
    module Checks
      # The kernel promises no more than it has (vm.overcommit_memory=2), and has promised nearly all: mmap fails next,
      # although memory is free, since allocators reserve more than they use.
      class Overcommit < Check
        needs :overcommit

        STRICT = 2

        def finding
          committed, limit = overcommit.values_at(:committed, :limit)
          return unless overcommit[:mode] == STRICT && Thresholds::COMMIT.reached?(committed, limit)
          found("The kernel has promised #{percent(committed, limit)} of the memory that it may: fork and malloc fail next.", severity: :wrong,
            evidence: ["vm.overcommit_memory is #{STRICT}; Committed_AS is #{bytes(committed)}, CommitLimit #{bytes(limit)}", "arenas are reserved whole and count as promised"],
            remedy: "sysctl vm.overcommit_memory=0   # or a higher vm.overcommit_ratio#{own_line(:reserve)}")
        end
      end
    end
  end
end
