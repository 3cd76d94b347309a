# frozen_string_literal: true

module AllocStats
  class Tuner
    # What AllocStats.tune(:low_memory), (:balanced) and (:throughput) stand for. The values were chosen by what
    # bench/profiles measured; docs/tuning.md has its table and what each option does.
    module Profiles
      NAMES = %i[low_memory balanced throughput].freeze

      # Of the options of a row, a version sets those that it has.
      TABLE = {
        jemalloc: {
          low_memory: {narenas: 1, background_thread: true, dirty_decay_ms: 500, muzzy_decay_ms: 0},
          balanced: {narenas: 2, background_thread: true, dirty_decay_ms: 1000, muzzy_decay_ms: 0},
          throughput: {narenas: 2, background_thread: true, dirty_decay_ms: 10_000, muzzy_decay_ms: 0}
        },
        mimalloc: {
          low_memory: {purge_delay: 10, minimal_purge_size: 64, page_max_reclaim: 4, reclaim_on_free: 0, page_full_retain: 0},
          balanced: {purge_delay: 100, minimal_purge_size: 64, page_max_reclaim: 4, reclaim_on_free: 0},
          throughput: {purge_delay: 10_000}
        },
        mimalloc_2_0: {
          low_memory: {decommit_delay: 2, decommit_extend_delay: 0, segment_decommit_delay: 100},
          balanced: {decommit_delay: 10, segment_decommit_delay: 100},
          throughput: {allow_decommit: 0}
        },
        glibc: {
          low_memory: {arena_max: 1, trim_threshold: 1 << 20, mmap_threshold: 32 << 20},
          balanced: {arena_max: 2},
          throughput: {arena_max: 4, trim_threshold: 64 << 20, mmap_threshold: 32 << 20, top_pad: 1 << 20}
        },
        tcmalloc: {
          low_memory: {release_rate: 10, max_total_thread_cache_bytes: 4 << 20},
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
      def of(allocator, profile, version = Allocator.bound_version)
        TABLE.fetch(row(allocator, version)).fetch(profile)
      end

      # The same for a process that is yet to start under this version: the options that it has.
      # @return [Array] of [Option, value]
      def starting(allocator, profile, version)
        of(allocator, profile, version).filter_map { |name, value|
          option = Tuner.languages.fetch(allocator).starting(name.name, version)
          [option, option.check(value)] if option
        }
      end

      # The memory layer of mimalloc 2.0 is another one, with delays of its own.
      def row(allocator, version)
        (allocator == :mimalloc && version.start_with?("2.0.")) ? :mimalloc_2_0 : allocator
      end
      private_class_method :row
    end
  end
end
