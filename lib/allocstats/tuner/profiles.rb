# frozen_string_literal: true

module AllocStats
  class Tuner
    # What AllocStats.tune(:low_memory), (:balanced) and (:throughput) stand for. The values were chosen by what
    # bench/profiles measured; docs/tuning.md has its table and what each option does.
    module Profiles
      NAMES = %i[low_memory balanced throughput].freeze

      # Of mimalloc's options, a version sets those it has.
      TABLE = {
        jemalloc: {
          low_memory: {narenas: 2, background_thread: true, dirty_decay_ms: 100, muzzy_decay_ms: 0},
          balanced: {narenas: 2, background_thread: true, dirty_decay_ms: 1000, muzzy_decay_ms: 0},
          throughput: {background_thread: true, dirty_decay_ms: 30_000, muzzy_decay_ms: 30_000}
        },
        mimalloc: {
          low_memory: {purge_delay: 0},
          balanced: {purge_delay: 100},
          throughput: {purge_delay: 10_000}
        },
        glibc: {
          low_memory: {arena_max: 1},
          balanced: {arena_max: 2},
          throughput: {top_pad: 16 << 20}
        },
        tcmalloc: {
          low_memory: {aggressive_memory_decommit: true},
          balanced: {release_rate: 10},
          throughput: {max_total_thread_cache_bytes: 128 << 20}
        }
      }.freeze

      module_function

      # @raise [UnknownName]
      def name_of(profile)
        NAMES.find { |name| name == profile || name.name == profile } or raise UnknownName.among("profile", profile, NAMES)
      end

      # @return [Hash] option => value
      def of(allocator, profile)
        TABLE.fetch(allocator).fetch(profile)
      end
    end
  end
end
