# frozen_string_literal: true

require_relative "version"
require_relative "errors"
require_relative "native"
require_relative "allocators"
if AllocStats.supported?
  # The classes that the extension begins; everything else is loaded when it is first named.
  require_relative "after_fork"
  require_relative "allocator"
  require_relative "cgroup"
  require_relative "heap_profile"
  require_relative "measurement"
  require_relative "private_heap"
  require_relative "purge"
  require_relative "process_memory"
  require_relative "sample"
end

# Which malloc runs this process, where its resident memory is, and how to get it back.
#
# Everything here speaks of the process that calls it, at the moment of the call. What cannot be measured is nil; what
# the running allocator cannot do raises AllocStats::Unsupported with a sentence that says which allocators can; and so
# does what cannot be done in another Ractor than the main one (AllocStats::Ractors).
module AllocStats
  autoload :Agent, "allocstats/agent"
  autoload :Census, "allocstats/census"
  autoload :Clock, "allocstats/clock"
  autoload :Command, "allocstats/command"
  autoload :Configuration, "allocstats/configuration"
  autoload :Diagnosis, "allocstats/diagnosis"
  autoload :EagerLoad, "allocstats/eager_load"
  autoload :Formats, "allocstats/formats"
  autoload :Health, "allocstats/health"
  autoload :Help, "allocstats/help"
  autoload :History, "allocstats/history"
  autoload :Launch, "allocstats/launch"
  autoload :Ledger, "allocstats/ledger"
  autoload :Loaded, "allocstats/loaded"
  autoload :Measured, "allocstats/measured"
  autoload :Metrics, "allocstats/metrics"
  autoload :OtherProcess, "allocstats/other_process"
  autoload :Procfs, "allocstats/procfs"
  autoload :Rack, "allocstats/rack"
  autoload :Report, "allocstats/report"
  autoload :Settings, "allocstats/settings"
  autoload :SharedValue, "allocstats/shared_value"
  autoload :Sidekiq, "allocstats/sidekiq"
  autoload :Snapshot, "allocstats/snapshot"
  autoload :Statistics, "allocstats/statistics"
  autoload :Threshold, "allocstats/threshold"
  autoload :Tuner, "allocstats/tuner"
  autoload :Tuning, "allocstats/tuning"
  autoload :VersionNumber, "allocstats/version_number"
  autoload :Worker, "allocstats/worker"
  autoload :Workers, "allocstats/workers"

  # mallctl, mi_option, mallopt and so on: each is documented in its allocator's own file.
  Allocators.filter_map(&:native_api).each { |native_api| extend native_api }

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
    # @return [Hash{Symbol => Sample::Figure}]
    def figures
      Sample::Figure.catalogue
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

    # What the extension keeps for itself, in the allocator linked into it: bytes in blocks, and resident ones, for which
    # /proc/self/smaps is read (milliseconds).
    # @return [PrivateHeap]
    def private_heap
      PrivateHeap.read
    end

    # Gives memory back to the kernel and says what came of it. Runs without the GVL; milliseconds, growing with what is
    # given back. Concurrent purges are one: who comes later gets the same answer.
    #
    # What the allocator keeps for other threads each of them hands back itself, at its next AllocStats.safe_point: where
    # another thread is, in malloc or not, nobody can know, so none is touched.
    #
    # @param gc [Boolean] collect Ruby's garbage first, and again while that has Ruby give pages of its heap back
    # @param compact [Boolean, Symbol] compact Ruby's heap first, where this Ruby can; from 3.3 on with Process.warmup as
    #   well, without which Ruby 4.0 gives none of its heap's emptied pages back. A process that shares pages which were
    #   written before a fork (a worker, or a master with workers) is Refused: compacting gives it copies of its own;
    #   :even_shared has it done nevertheless
    # @param threads [Boolean] also ask the other threads
    # @return [Purge]
    # @raise [Refused] inside of a purge; before anything was done, for a heap that is shared; and when a purge of another
    #   thread has not ended for a minute
    def purge(gc: false, compact: false, threads: true)
      Purge.run(gc: gc, compact: compact, threads: threads)
    end

    # Sets options of the running allocator, by a profile or by the names they have there, and reads them back.
    #
    #   AllocStats.tune(:low_memory)
    #   AllocStats.tune(:balanced, dirty_decay_ms: 500)
    #   AllocStats.tune(**AllocStats.tune(purge_delay: 0).before)    # and back
    #
    # Everything is checked before the first option is set, and what was set is put back if a later one is not taken:
    # an error has changed nothing. An option that is read when a process starts is no error: Tuning#failed has the
    # environment that sets it, and Tuning#environment that of all options together. Tuned values hold in forked
    # children; docs/tuning.md says what each option does and what the profiles were measured to give.
    # @param profile [Symbol, nil] :low_memory, :balanced or :throughput
    # @param options [Hash] name => value: opt.* of jemalloc, mi_option_t of mimalloc, mallopt of glibc, properties and
    #   release_rate of tcmalloc
    # @return [Tuning]
    # @raise [UnknownName] for a name that no allocator has, [Unsupported] for one of another allocator or version
    # @raise [InvalidValue, Refused] Refused for what can make malloc fail
    def tune(profile = nil, **options)
      Tuner.tune(profile, options)
    end

    # What the environment, or a file, asks of an allocator, and what came of it: of the one that runs and of those that
    # do not. Milliseconds.
    # @return [Settings] a list of what was asked, each with the value in force and its state
    def settings
      Settings.read
    end

    # Loads at once what is otherwise loaded when it is first needed by the endpoint, probes and scrapes. For a server's
    # master, before it forks: its workers share the memory. Puma's plugin and the Railtie call it. Some hundredths of a
    # second; again it costs a millisecond or two.
    # @return [nil]
    def eager_load!
      EagerLoad.call
    end

    # What a monitoring system reads: of this process, its sibling workers and their control group, for
    # Formats::Prometheus and for whoever exposes metrics by other means. A millisecond or two; never walks a heap, never
    # reads /proc/self/smaps.
    # @param health [Hash] what health is judged by, as AllocStats.health takes it
    # @return [Metrics] families of named numbers; what was not measured is absent
    # @raise [UnknownName, InvalidValue]
    def metrics(health: {})
      Metrics.new(Metrics::Reading.new(limits: Diagnosis::Limits.new(**health)))
    end

    # Whether the memory of this process and of the workers beside it is in order. Some hundred microseconds.
    # @param options [Hash] what Diagnosis::Limits takes: `expect:`, the allocator that is to own all of malloc, and for each
    #   check what it warns and fails from, as a ratio, bytes and a time
    # @return [Health]
    # @raise [UnknownName, InvalidValue]
    def health(**options)
      Health.new(Diagnosis::Limits.new(**options))
    end

    # @!method measure
    #   What malloc gave and took in this thread while the block ran, by the allocator's own counters. An exception of the
    #   block passes through.
    #   @yield the work to be measured
    #   @return [Measurement] with nil for the bytes, and the reason, where the allocator does not count by thread (only
    #     jemalloc does) and where Ruby has several of its threads share a native one (Ruby 3.3 and later: RUBY_MN_THREADS=1,
    #     and in every Ractor but the main one)

    # @!method thread_bytes
    #   Bytes that malloc has given to this thread and taken back from it since the thread began; nil where measure has
    #   nil.
    #   @return [Array(Integer, Integer), nil]

    # @!method safe_point
    #   Where a thread has nothing under way, at the end of a request or a job: hands back what the allocator keeps for
    #   this thread, if a purge has asked for it since the last time, or if the thread has taken a megabyte or more since
    #   and a quarter of a second has gone by. So a thread that falls asleep keeps little, and no purge has to reach into
    #   it. Some ten nanoseconds when there is nothing to do; over time at most a two-hundredth of the thread's.
    #   @return [Boolean] whether something was handed back

    # What can be asked, for a person at a console.
    # @return [Help] a text, by to_s and by inspect
    def help
      Help.new
    end

    # How many purges this process has made since it began, and what they gave back: {count:, bytes:}. Purge.subscribe
    # has a block called with each.
    # @return [Hash{Symbol => Integer}]
    def purges
      Purge.totals
    end

    # Says what is to be different, for every framework of this process; Configuration has the options. In a block, which is
    # given what sets them; where it raises, nothing was changed.
    #
    #   AllocStats.configure { |config| config.interval = 5 }
    # @yieldparam config [Configuration::Source]
    # @return [Configuration]
    # @raise [UnknownName, InvalidValue]
    def configure
      raise InvalidValue, "configure takes a block" unless block_given?
      where = caller_locations(1, 5).map { |place| place.absolute_path || place.path }.find { |path| !path.start_with?(__dir__) }
      configuration.as_a_whole { yield configuration.source("AllocStats.configure#{" in #{File.basename(where)}" if where}") }
      configuration
    end

    # What holds: what was configured, and else the defaults.
    # @return [Configuration]
    def configuration
      Configuration.current
    end

    # Starts the agent: a thread that takes a sample every `interval` seconds, keeps the history of the last day, and lets
    # the workers of a server see each other. Where it runs already, only the interval may change. Children that are forked from now on
    # have an agent of their own, but for those that a server's worker forks. Main Ractor only.
    # @param interval [Numeric, nil] seconds, from 0.05 to 3600; nil for what it was before, at first what is configured
    # @return [Boolean] whether it runs; false where there can be no more threads, which is told on stderr
    # @raise [InvalidValue]
    def start(interval: nil)
      Agent.start(interval: interval)
    end

    # Ends it, and forgets its history.
    # @return [Boolean] whether it ran
    def stop
      Agent.stop
    end

    # Whether the agent runs in this process.
    def started?
      Agent.started?
    end

    # What this process was like over the last day, as the agent has seen it; empty where it does not run.
    # @return [History]
    def history
      History.read
    end

    # All workers of the server that this process belongs to: what each one's agent has reported last, and this process
    # as it is now. Some ten microseconds a worker.
    # @return [Workers]
    def workers
      Workers.read
    end

    # Says what is wrong with a process's memory: findings in order of weight, each with its evidence, what it costs in
    # bytes and the line that mends it. Of this process unless `pid` names another one, which is looked at from outside,
    # by /proc alone. Milliseconds to some hundred on a large heap under glibc, where it takes a census.
    #
    #   AllocStats.doctor.verdict                  # => :healthy, :warnings or :wrong
    #   AllocStats.doctor(expect: :jemalloc)       # wrong when another allocator runs
    #   AllocStats.doctor(wait: 60, purge: true)   # two readings with a purge between, to tell what is held from what is kept
    #
    # @param pid [Integer, nil]
    # @param expect [Symbol, String, nil] the allocator that should run; what the environment asks for unless given
    # @param wait [Numeric, nil] seconds between two readings, before each of which it runs GC.start; it sleeps as long
    # @param purge [Boolean] purge before and after them, this process only
    # @return [Diagnosis]
    # @raise [InvalidValue, UnknownName]
    # @raise [OtherProcess::Gone, OtherProcess::NotPermitted]
    def doctor(pid: nil, expect: nil, wait: nil, purge: false)
      Diagnosis.take(pid: pid, expect: expect, wait: wait, purge: purge)
    end

    # Which lines of Ruby hold what malloc gave out while a block ran, on every allocator; HeapProfile.start and .stop do
    # the same without a block. One profile at a time is on in a process.
    #
    #   profile = AllocStats.heap_profile { Import.run }
    #   puts profile                       # the lines that hold most
    #   profile.write("import.html")       # a flame graph; .pb.gz is for pprof
    #
    # @param interval [Integer] bytes between two samples in the mean
    # @return [HeapProfile::Snapshot] as the block ended, with what it answered as `value`
    # @raise [InvalidValue]
    # @raise [Unsupported] where malloc's calls cannot be seen
    # @raise [Error] where a profile is on already
    def heap_profile(interval: HeapProfile::INTERVAL, &block)
      raise InvalidValue, "heap_profile profiles a block; HeapProfile.start begins a profile without one" unless block

      HeapProfile.around(interval: interval, &block)
    end

    # What lies around malloc: preloads, what was asked for, threads, arenas, huge pages, processors. Some milliseconds;
    # walks no heap.
    # @return [Diagnosis::HostFacts]
    def host_facts
      Diagnosis::HostFacts.read
    end

    # The page a person reads in the console.
    # @return [Report] a text, by to_s and by inspect
    def report
      Report.new
    end
  end
end

if AllocStats.supported?
  require_relative "ractors"
else
  AllocStats::Stub.cover(AllocStats)
end
