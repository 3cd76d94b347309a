# frozen_string_literal: true

module AllocStats
  module Allocators::Mimalloc
    # What AllocStats has of mimalloc's own methods.
    module NativeApi
      METHODS = %w[mi_option mi_options mi_option_catalogue mi_stats mi_process_info].freeze
      NEEDLESS = {}.freeze
      HELP = {mi_option: "an option; mi_options and mi_stats show all"}.freeze

      # One of mimalloc's options, by its name in mi_option_t: reads it, or sets it, reads it back and answers what was
      # before. Numbers are counts in the unit of mi_option_catalogue: sizes are in KiB where that says so.
      #
      #   AllocStats.mi_option(:purge_delay)      # => 10
      #   AllocStats.mi_option(:purge_delay, 0)   # => 10, what it was before
      #
      # Of the names that mimalloc gave to one option after the other, each is known to every version that has any:
      # :purge_delay is :decommit_delay on 2.0. mimalloc acts on options only when it next looks at them.
      # @param value [Integer, true, false] in the range of mi_option_catalogue; true and false are 1 and 0
      # @param unsafe [Boolean] also set what can make malloc fail or the process crash
      # @return [Integer]
      # @raise [UnknownName] for what no version has
      # @raise [Unsupported] for what the running version has not, and on another allocator
      # @raise [InvalidValue, ReadOnly, Refused] before anything was changed; ReadOnly for options that are read when
      #   mimalloc starts, with the variable that sets them
      def mi_option(name, value = Allocators::Given::NOTHING, unsafe: false)
        option = MiOption.fetch(name)
        value.equal?(Allocators::Given::NOTHING) ? option.value : option.set(value, unsafe: unsafe)
      end

      # All options of the running mimalloc, without the deprecated ones.
      # @return [Hash{Symbol => Integer}] name => value
      def mi_options
        MiOption.all("mi_options").transform_values(&:value)
      end

      # What the options of the running mimalloc are: number, unit, range, and when a change acts.
      # @return [Hash{Symbol => MiOption}]
      def mi_option_catalogue
        MiOption.all
      end

      # mimalloc's statistics, under the same keys on every version; nil for what the version or the build does not count
      # (Allocators::Mimalloc::Stats says which). Bytes are `reserved` (address space), `committed`, `page_committed` (of pages in use),
      # `malloc_normal`, `malloc_large` (until 2.1 apart), `malloc_huge` and `allocated` (blocks); the others are counts.
      # Each is {current:, peak:, total:}, `total` all that was ever added; `reset` and `purged` (bytes given back),
      # `malloc_requested`, the numbers of calls and the like are Integers. `threads` has the main thread in it from
      # 3.2.6 on. `bins` has a row for each size class that was used: {size:, page_size:, current:, peak:, total:} in
      # blocks, `page_bins` in pages.
      #
      # `source` is :json, and :text before 2.2.2 and 3.0.3: then `rounded` is true, and each number is rounded down to a
      # tenth of the KiB, MiB or GiB that mimalloc prints. Adds this thread's counts to the sums first, where mimalloc
      # lets it. Some hundred microseconds.
      # @return [Hash{Symbol => Object}]
      def mi_stats
        Stats.read
      end

      # mimalloc's own figures of the process: `elapsed_ms`, `user_ms` and `system_ms`, `committed` and `peak_committed`
      # (its count), `peak_rss` and `page_faults` (the kernel's count, those that had to read). The current resident set,
      # which mimalloc does not measure on Linux, is AllocStats.sample.rss.
      # @return [Hash{Symbol => Integer}] bytes and milliseconds
      def mi_process_info
        Allocators.demand("mi_process_info")
        Allocators::Mimalloc.process_info
      end
    end
  end
end
