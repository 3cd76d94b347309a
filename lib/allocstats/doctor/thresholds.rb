# frozen_string_literal: true

module AllocStats
  module Doctor
    # From when on something is a finding: every share both as a ratio and in bytes (Threshold), so that small heaps are
    # left in peace. The ratios are of those who run allocators for a living, the bytes are what an operator would act for:
    #
    # - Redis warns of fragmentation from a tenth of the resident set and 10 MB on, of resident memory from 1.4 times
    #   the used on, and says nothing below 5 MB; a Ruby process has ten times the base.
    # - ClickHouse purges at nine tenths of the limit, and where what could be purged exceeds a fifth of it.
    module Thresholds
      MIB = 1 << 20

      # What malloc keeps, of the resident set.
      KEPT = Threshold.new(ratio: 0.4, bytes: 64 * MIB)
      # Free chunks in glibc's arenas beside the main one, of the resident set; and from how many arenas on.
      ARENAS_FREE = Threshold.new(ratio: 0.2, bytes: 32 * MIB)
      ARENAS_COUNT = 8
      # Free slots, of what is resident of Ruby's heap.
      RUBY_HEAP_FREE = Threshold.new(ratio: 0.5, bytes: 32 * MIB)
      # What was resident once and is no more, of the highest.
      PEAK = Threshold.new(ratio: 0.5, bytes: 128 * MIB)
      # Huge pages, of the resident set.
      HUGE_PAGES = Threshold.new(ratio: 0.25, bytes: 64 * MIB)
      # What is swapped out, of what the process has in memory and in swap.
      SWAP = Threshold.new(ratio: 0.05, bytes: 16 * MIB)
      # What the group uses, of its limit; and what the kernel has promised, of what it may.
      LIMIT = Threshold.new(ratio: 0.9, bytes: 1)
      COMMIT = Threshold.new(ratio: 0.9, bytes: 1)
      # What the resident set grows by in an hour, of what it is; and between two readings.
      GROWTH = Threshold.new(ratio: 0.1, bytes: 32 * MIB)
      GROWTH_BETWEEN = Threshold.new(ratio: 0.05, bytes: 8 * MIB)
      # A history shorter than this, or with fewer points, shows how a server warms up.
      GROWTH_SECONDS = 20 * 60
      GROWTH_POINTS = 30
      # How often the processors that Ruby sees exceed those it may use.
      PROCESSORS = 4
    end
  end
end
