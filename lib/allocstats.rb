# frozen_string_literal: true

require_relative "allocstats/version"
require_relative "allocstats/errors"
require_relative "allocstats/native"
if AllocStats.supported?
  # The classes that the extension begins; everything else is loaded when it is first named.
  require_relative "allocstats/after_fork"
  require_relative "allocstats/allocator"
  require_relative "allocstats/census"
  require_relative "allocstats/cgroup" if File.exist?(File.join(__dir__, "allocstats/cgroup.rb")) # TEMPORARY
  require_relative "allocstats/mallctl"
  require_relative "allocstats/measurement"
  require_relative "allocstats/private_heap"
  require_relative "allocstats/purge"
  require_relative "allocstats/process_memory" if File.exist?(File.join(__dir__, "allocstats/process_memory.rb")) # TEMPORARY
  require_relative "allocstats/sample"
end

# Which malloc runs this process, where its resident memory is, and how to get it back.
#
# Everything here speaks of the process that calls it, at the moment of the call. What cannot be measured is nil; what
# the running allocator cannot do raises AllocStats::Unsupported with a sentence that says which allocators can.
module AllocStats
  autoload :ElfFile, "allocstats/elf_file"
  autoload :Figure, "allocstats/figure"
  autoload :Formats, "allocstats/formats"
  autoload :Ledger, "allocstats/ledger"
  autoload :Preload, "allocstats/preload"
  autoload :Rack, "allocstats/rack"
  autoload :Report, "allocstats/report"
  autoload :StartEnvironment, "allocstats/start_environment"

  class << self
    # Who owns malloc, with the verdict and its evidence. Some hundred microseconds.
    # @return [Allocator]
    def allocator
      Allocator.detect
    end

    # One coherent reading of the cheap figures: microseconds, no heap walk. Refill it with Sample#refresh.
    # @return [Sample]
    def sample
      Sample.new
    end

    # What a sample can hold: name => Figure(name, unit, kind, definition, allocators).
    # @return [Hash{Symbol => Figure}]
    def figures
      Figure.catalogue
    end

    # The expensive figures: live bytes on glibc, arenas and bins, with what the reading cost. May walk the heap under
    # the allocator's locks (glibc: 0.2 ms per megabyte of heap, during which other threads' malloc waits), without the
    # GVL.
    # @return [Census]
    def census
      Census.take
    end

    # The process's memory as the kernel counts it, by kind of mapping, and the limits that bind it. Milliseconds,
    # growing with the number of mappings; without the GVL.
    # @return [ProcessMemory]
    def memory
      ProcessMemory.read
    end

    # Disjoint layers that sum to the resident set to the byte.
    # @param census [Boolean] also take a census where the allocator has live bytes only there (glibc)
    # @return [Ledger]
    def ledger(census: false)
      Ledger.read(census: census)
    end

    # jemalloc's own language (jemalloc(3), "MALLCTL NAMESPACE"): reads a name, writes it, or does what it says.
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
    # A value has the type of AllocStats.mallctls: Integer, true or false, String; pointers are Integers. Writing answers
    # what was before, nil where that cannot be read; what jemalloc made of it (it rounds sizes) is seen by reading again.
    # Reading keeps the GVL; writing and acting, which may purge, release it.
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
      Mallctl.stats
    end

    # What the extension keeps for itself, in the allocator linked into it.
    # @return [PrivateHeap]
    def private_heap
      PrivateHeap.read
    end

    # Gives memory back to the kernel and says what came of it. Runs without the GVL; milliseconds, growing with what is
    # given back. Concurrent purges are one: who comes later gets the same answer.
    #
    # @param gc [Boolean] collect Ruby's garbage first
    # @param compact [Boolean] compact Ruby's heap first, where this Ruby can
    # @param threads [Boolean] also what the allocator keeps for threads that sleep; busy ones follow at their next
    #   AllocStats.safe_point
    # @return [Purge]
    # @raise [Refused] inside of a purge
    def purge(gc: false, compact: false, threads: true)
      Purge.run(gc: gc, compact: compact, threads: threads)
    end

    # @!method measure
    #   What malloc gave and took in this thread while the block ran, by the allocator's own counters. An exception of the
    #   block passes through.
    #   @yield the work to be measured
    #   @return [Measurement] with nil for the bytes where the allocator does not count by thread (only jemalloc does)

    # @!method thread_bytes
    #   Bytes that malloc has given to this thread and taken back from it since the thread began.
    #   @return [Array(Integer, Integer), nil]

    # @!method safe_point
    #   Where a thread has nothing under way, at the end of a request or a job: gives back what the allocator keeps for
    #   this thread if a purge has asked for it since the last time. Costs some ten nanoseconds when none has.
    #   @return [Boolean] whether something was asked for

    # The page a person reads in the console.
    # @return [Report] a text, by to_s and by inspect
    def report
      Report.new
    end
  end
end

require_relative "allocstats/railtie" if defined?(Rails::Railtie)
