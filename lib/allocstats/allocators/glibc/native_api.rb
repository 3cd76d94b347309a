# frozen_string_literal: true

module AllocStats
  module Allocators::Glibc
    # What AllocStats has of glibc's own methods.
    module NativeApi
      METHODS = %w[mallopt mallopts malloc_info mallinfo2 malloc_trim glibc_tunables].freeze
      NEEDLESS = {"malloc_trim" => "; malloc_trim would do nothing there and answer 0"}.freeze
      HELP = {mallopt: "an option; malloc_info shows the arenas"}.freeze

      # glibc's malloc_info(3), taken apart: `arena_count`; `system` (bytes that the arenas have of the kernel), `in_use`
      # and `free` of them, `free_chunks`; `mapped_blocks` (large ones with a mapping each: {count:, bytes:}); and
      # `arenas`, each with `index`, `system`, `system_peak`, `in_use`, `free`, `free_chunks`, `fast` and `rest` (the
      # free chunks by kind; `fast` is nil from glibc 2.43 on, which has none), `address_space` and `accessible` of it,
      # `subheaps` (of 64 MB of address space each; nil for the main arena, which has none), `sizes` (free chunks by size:
      # {from:, to:, bytes:, count:}) and `unsorted`. What waits in the threads' caches counts as in use. What the text of
      # the running glibc does not say is nil.
      #
      # Walks all free chunks under the arenas' locks: 0.2 ms a megabyte of heap, `seconds` in all, without the GVL.
      # @return [Hash{Symbol => Object}]
      # @raise [Malformed]
      def malloc_info
        Allocators.demand("malloc_info")
        format, text, seconds = Allocators.stats_dump
        Allocators.understanding(format) { MallocInfo.parse(text) }.merge(seconds: seconds)
      end

      # glibc's mallinfo2(3), of all arenas together: `arena` (bytes they have of the kernel), `ordblks` (free chunks),
      # `smblks` and `fsmblks` (how many and how many bytes of them are in fastbins), `hblks` and `hblkhd` (blocks with a
      # mapping each, and their bytes), `uordblks` (bytes in use), `fordblks` (bytes free), `keepcost` (bytes at the end
      # of the main heap that a trim would give back). `usmblks` is nil: glibc no longer counts it. Costs as much as
      # malloc_info, `seconds` in all, without the GVL.
      # @return [Hash{Symbol => Integer}]
      # @raise [Unsupported] before glibc 2.33
      def mallinfo2
        Allocators.demand("mallinfo2")
        Allocators::Glibc.mallinfo2.merge(usmblks: nil)
      end

      # Sets one of the options of glibc's mallopt(3): :arena_max, :arena_test, :trim_threshold, :top_pad,
      # :mmap_threshold, :mmap_max, :mxfast. What they are and which values they take, mallopt_catalogue says.
      #
      #   AllocStats.mallopt(:trim_threshold, 128 * 1024)   # => nil: it was not set before
      #
      # @param unsafe [Boolean] also set :perturb, which fills every block when it is freed
      # @return [Integer, nil] what was set through AllocStats before; mallopt cannot read
      # @raise [UnknownName, InvalidValue, ReadOnly, Refused] before anything was changed
      def mallopt(name, value, unsafe: false)
        Allocators.demand("mallopt")
        Mallopt.fetch(name).set(value, unsafe: unsafe)
      end

      # What is known of mallopt's options in this process: set through AllocStats, set by the environment when the
      # process started, or, with a nil for both, glibc's own default.
      # @return [Hash{Symbol => Mallopt::Setting}]
      def mallopts
        Allocators.demand("mallopts")
        tunables = Tunables.of_start
        Mallopt.all.transform_values { |option| option.setting(tunables) }
      end

      # What mallopt's options are, whichever allocator runs: range, meaning, and what sets them at the start of a
      # process.
      # @return [Hash{Symbol => Mallopt}]
      def mallopt_catalogue
        Mallopt.all
      end

      # The settings of glibc's malloc that the environment gave when the process started, by GLIBC_TUNABLES or the
      # MALLOC_ variables: "glibc.malloc.arena_max" => #<struct value=2, source="MALLOC_ARENA_MAX", text="2">.
      # @return [Hash{String => Tunables::Tunable}]
      def glibc_tunables
        Allocators.demand("glibc_tunables")
        Tunables.of_start.to_h
      end

      # glibc's malloc_trim(3): gives the free pages of all arenas back. Without the GVL; some hundred microseconds a
      # megabyte. AllocStats.purge does the same and measures what came of it.
      # @param pad [Integer] bytes at the end of the main heap to be kept
      # @return [Boolean] whether anything was given back
      # @raise [Unsupported] on another allocator, where malloc_trim does nothing
      def malloc_trim(pad = 0)
        Allocators.demand("malloc_trim")
        Allocators::Glibc.malloc_trim(Allocators::Given.integer_in(0..(2**47), :bytes, "pad", pad))
      end
    end
  end
end
