# frozen_string_literal: true

module AllocStats
  module Allocators::Jemalloc
    # What AllocStats has of jemalloc's own methods.
    module NativeApi
      METHODS = %w[mallctl mallctl_many malloc_stats].freeze
      LOADED = %i[mallctl mallctl_many mallctls].freeze
      NEEDLESS = {}.freeze
      HELP = {mallctl: "a name of its manual; mallctls lists them"}.freeze

      # jemalloc's native API (jemalloc(3), "MALLCTL NAMESPACE"): reads a name, writes it, or does what it says.
      #
      #   AllocStats.mallctl("stats.allocated")               # => 73400320
      #   AllocStats.mallctl("arenas.dirty_decay_ms", 1000)   # => 10000, what it was before
      #   AllocStats.mallctl("arena.all.purge")               # => nil; a name of the type void is an action
      #
      # Numbers take the place of <i> and <j>: "stats.arenas.0.bins.3.curregs". "all" stands for all arenas together, and
      # "destroyed" for those that were destroyed, in "stats.arenas.<i>" and where the manual allows it in "arena.<i>".
      # What speaks of the thread ("thread.arena") speaks of the native thread that calls. Reading what jemalloc takes
      # snapshots of ("stats...", "epoch") takes a new one first: 12 us with some ten arenas; other reading, well under 1.
      #
      # A value has the type of AllocStats.mallctls: Integer, true or false, String; pointers are Integers. Writing
      # answers what was before, nil where that cannot be read; what jemalloc made of it (it rounds sizes) is seen by
      # reading again. Reading keeps the GVL; writing and acting, which may purge, release it.
      # @param type [String, Symbol] for a name that AllocStats.mallctls has not: "size_t", "bool", ... (with unsafe: true)
      # @param unsafe [Boolean] also call what can crash the process
      # @raise [Unsupported] on another allocator, or where the running jemalloc has no such name
      # @raise [UnknownName, InvalidValue, ReadOnly, Refused] before anything was changed
      def mallctl(name, value = Mallctl::NOTHING, type: nil, unsafe: false)
        Mallctl.call(name, value, type, unsafe)
      end

      # Reads several of jemalloc's names, of one snapshot; all names are checked before the first is read.
      # @return [Hash] the names, as they were given => their values
      def mallctl_many(*names)
        Mallctl.read_many(names.flatten(1))
      end

      # jemalloc's names, whichever allocator runs: of its manual (5.3.0) and those that the manual does not list or 5.3.1
      # added; "arena.<i>.purge" => #<struct type="void", access=:act, refused=nil, needs=nil>
      # @return [Hash{String => Mallctl::Entry}]
      def mallctls
        Mallctl.catalogue
      end

      # All of jemalloc's statistics as it prints them itself (malloc_stats_print), parsed from JSON: "version", "config",
      # "opt", "arenas", "stats", "stats.arenas" with each arena's bins. Milliseconds, growing with the number of arenas;
      # without the GVL.
      # @return [Hash{String => Object}]
      # @raise [Unsupported] on another allocator
      def malloc_stats
        Stats.read
      end
    end
  end
end
