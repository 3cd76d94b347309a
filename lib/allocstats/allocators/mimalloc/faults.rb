# frozen_string_literal: true

module AllocStats
  module Allocators::Mimalloc
    FAULTS = [
      Allocators::Fault.new(versions: ["= 3.6.0"], severity: :wrong, condition: :asked_for, asked: %w[page_commit_on_demand arena_max_object_size],
        fault: "crashes with page_commit_on_demand and a small arena_max_object_size", fixed: nil,
        source: "found by the fuzzing of allocstats", remedy: "unset MIMALLOC_PAGE_COMMIT_ON_DEMAND"),
      Allocators::Fault.new(versions: [">= 2.0.0", "< 2.1.0"], severity: :warning, condition: :keeps,
        fault: "gives nothing back for threads that sleep: mi_collect acts on the calling thread's heap alone", fixed: "2.1.0",
        source: "measured by bench/purge of allocstats", remedy: "allocstats exec --allocator mimalloc -- COMMAND   # where a newer one is installed; or AllocStats.safe_point in each thread that has nothing under way"),
      Allocators::Fault.new(versions: [">= 2.1.0", "< 2.2.4"], severity: :warning, condition: :keeps,
        fault: "does not always give memory back to the system", fixed: "2.2.4",
        source: "mimalloc's list of releases, 2025-06-09", remedy: "mimalloc 2.2.4 or later"),
      Allocators::Fault.new(versions: [">= 3.0.0", "< 3.1.4"], severity: :warning, condition: :keeps,
        fault: "does not always give memory back to the system", fixed: "3.1.4",
        source: "mimalloc's list of releases, 2025-06-09", remedy: "mimalloc 3.1.4 or later"),
      Allocators::Fault.new(versions: [">= 3.3.0", "<= 3.6.0"], severity: :warning, condition: :forks_hastily,
        fault: "has no hook at forks: a child that is forked while a thread is just beginning may hang when it begins one of its own", fixed: nil,
        source: "measured by allocstats (docs/tuning.md, mimalloc 3 and fork)",
        remedy: "allocstats exec --allocator libc -- COMMAND   # or mimalloc before 3.3; or begin such threads after the fork, in the children")
    ].each(&:freeze).freeze
  end
end
