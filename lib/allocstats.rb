# frozen_string_literal: true

require_relative "allocstats/version"
require_relative "allocstats/errors"
require_relative "allocstats/native"
if AllocStats.supported?
  # The classes that the extension begins; everything else is loaded when it is first named.
  require_relative "allocstats/allocator"
  require_relative "allocstats/census"
  require_relative "allocstats/cgroup" if File.exist?(File.join(__dir__, "allocstats/cgroup.rb")) # TEMPORARY
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
