# frozen_string_literal: true

module AllocStats
  class Diagnosis
    # From when on something counts, for all who judge: every share both as a ratio and in bytes (Threshold), so that small
    # heaps are left in peace. The ratios are of those who run allocators for a living, the bytes are what an operator
    # would act for:
    #
    # - Redis warns of fragmentation from a tenth of the resident set and 10 MB on, of resident memory from 1.4 times
    #   the used on, and says nothing below 5 MB; a Ruby process has ten times the base.
    # - ClickHouse purges at nine tenths of the limit, and where what could be purged exceeds a fifth of it.
    module Thresholds
      MIB = 1 << 20

      # What probes ask for as well, by level: check => level => what it takes (Limits::Limit); an application may set its own
      # for them (Limits). A finding is wrong where `fail` is reached and a warning where `warn` is; the seconds are a
      # probe's patience, and of growth and pressure the time over which they are judged. nil: there is no such level
      # unless it is set.
      LEVELS = {
        rss: {warn: {ratio: 0.85, bytes: 64 * MIB, seconds: 60}, fail: {ratio: 0.95, bytes: 64 * MIB, seconds: 60}},
        cgroup: {warn: {ratio: 0.85, bytes: 64 * MIB, seconds: 60}, fail: {ratio: 0.95, bytes: 64 * MIB, seconds: 60}},
        # What malloc keeps, of the resident set.
        kept: {warn: {ratio: 0.4, bytes: 64 * MIB, seconds: 600}, fail: nil},
        # What the resident set grows by in an hour, of what it is.
        growth: {warn: {ratio: 0.1, bytes: 32 * MIB, seconds: 3600}, fail: nil},
        pressure: {warn: {ratio: 0.1, seconds: 60}, fail: nil},
        workers: {warn: {count: 1, seconds: 30}, fail: nil}
      }.freeze

      # The share of its time that a history must span, and of how many points: a process that has just begun grows.
      GROWTH_SPAN = 0.9
      GROWTH_POINTS = 10
      # What grows less than this much of what it grew by before is warming up.
      GROWTH_SLOWING = 0.5
      # The part of the growth that a layer must have for it to be called the cause.
      GROWTH_CAUSE = 0.5
      # Growth between two readings.
      GROWTH_BETWEEN = Threshold.new(ratio: 0.05, bytes: 8 * MIB)
      # Free chunks in glibc's arenas beside the main one, of the resident set; and from how many arenas on.
      ARENAS_FREE = Threshold.new(ratio: 0.2, bytes: 32 * MIB)
      ARENAS_COUNT = 8
      # Free slots, of what is resident of Ruby's heap.
      RUBY_HEAP_FREE = Threshold.new(ratio: 0.5, bytes: 32 * MIB)
      # Pages of Ruby's heap that hold nothing, of the resident set.
      RUBY_HEAP_EMPTIED = Threshold.new(ratio: 0.2, bytes: 32 * MIB)
      # What was resident once and is no more, of the highest.
      PEAK = Threshold.new(ratio: 0.5, bytes: 128 * MIB)
      # Huge pages, of the resident set.
      HUGE_PAGES = Threshold.new(ratio: 0.25, bytes: 64 * MIB)
      # What is swapped out, of what the process has in memory and in swap.
      SWAP = Threshold.new(ratio: 0.05, bytes: 16 * MIB)
      # What the kernel has promised, of what it may.
      COMMIT = Threshold.new(ratio: 0.9, bytes: 1)
      # How often the processors that Ruby sees exceed those it may use.
      PROCESSORS = 4
    end
  end
end
