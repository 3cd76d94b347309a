# frozen_string_literal: true

require_relative "version"
require_relative "errors"
require_relative "native"
if AllocStats.supported?
  # The classes that the extension begins; everything else is loaded when it is first named.
  require_relative "after_fork"
  require_relative "allocator"
  require_relative "census"
  require_relative "cgroup"
  require_relative "mallctl"
  require_relative "measurement"
  require_relative "private_heap"
  require_relative "purge"
  require_relative "process_memory"
  require_relative "sample"
end

# Which malloc runs this process, where its resident memory is, and how to get it back.
#
# Everything here speaks of the process that calls it, at the moment of the call. What cannot be measured is nil; what
# the running allocator cannot do raises AllocStats::Unsupported with a sentence that says which allocators can.
module AllocStats
  autoload :Clock, "allocstats/clock"
  autoload :Command, "allocstats/command"
  autoload :Doctor, "allocstats/doctor"
  autoload :ElfFile, "allocstats/elf_file"
  autoload :Figure, "allocstats/figure"
  autoload :Formats, "allocstats/formats"
  autoload :GlibcTunables, "allocstats/glibc_tunables"
  autoload :Health, "allocstats/health"
  autoload :Help, "allocstats/help"
  autoload :History, "allocstats/history"
  autoload :Launch, "allocstats/launch"
  autoload :Ledger, "allocstats/ledger"
  autoload :Loaded, "allocstats/loaded"
  autoload :MallocInfo, "allocstats/malloc_info"
  autoload :Mallopt, "allocstats/mallopt"
  autoload :Metrics, "allocstats/metrics"
  autoload :MiOption, "allocstats/mi_option"
  autoload :MiStats, "allocstats/mi_stats"
  autoload :OtherProcess, "allocstats/other_process"
  autoload :OwnLanguage, "allocstats/own_language"
  autoload :Preloads, "allocstats/preloads"
  autoload :ProcessFolder, "allocstats/process_folder"
  autoload :Rack, "allocstats/rack"
  autoload :Report, "allocstats/report"
  autoload :Sampler, "allocstats/sampler"
  autoload :Settings, "allocstats/settings"
  autoload :SharedReading, "allocstats/shared_reading"
  autoload :Sidekiq, "allocstats/sidekiq"
  autoload :StartEnvironment, "allocstats/start_environment"
  autoload :Statistics, "allocstats/statistics"
  autoload :Surroundings, "allocstats/surroundings"
  autoload :TcmallocProperty, "allocstats/tcmalloc_property"
  autoload :Threshold, "allocstats/threshold"
  autoload :Tuner, "allocstats/tuner"
  autoload :Tuning, "allocstats/tuning"
  autoload :Worker, "allocstats/worker"
  autoload :Workers, "allocstats/workers"

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
      Mallctl.stats
    end

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
    def mi_option(name, value = OwnLanguage::NOTHING, unsafe: false)
      option = MiOption.fetch(name)
      value.equal?(OwnLanguage::NOTHING) ? option.value : option.set(value, unsafe: unsafe)
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
    # (MiStats says which). Bytes are `reserved` (address space), `committed`, `page_committed` (of pages in use),
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
      MiStats.read
    end

    # mimalloc's own figures of the process: `elapsed_ms`, `user_ms` and `system_ms`, `committed` and `peak_committed`
    # (its count), `peak_rss` and `page_faults` (the kernel's count, those that had to read). The current resident set,
    # which mimalloc does not measure on Linux, is AllocStats.sample.rss.
    # @return [Hash{Symbol => Integer}] bytes and milliseconds
    def mi_process_info
      OwnLanguage.demand("mi_process_info")
      Mimalloc.process_info
    end

    # glibc's malloc_info(3), taken apart: `arena_count`; `system` (bytes that the arenas have of the kernel), `in_use`
    # and `free` of them, `free_chunks`; `mapped_blocks` (large ones with a mapping each: {count:, bytes:}); and
    # `arenas`, each with `index`, `system`, `system_peak`, `in_use`, `free`, `free_chunks`, `fast` and `rest` (the
    # free chunks by kind), `address_space` and `accessible` of it, `subheaps` (of 64 MB of address space each; nil for
    # the main arena, which has none), `sizes` (free chunks by size: {from:, to:, bytes:, count:}) and `unsorted`. What
    # waits in the threads' caches counts as in use.
    #
    # Walks all free chunks under the arenas' locks: 0.2 ms a megabyte of heap, `seconds` in all, without the GVL.
    # @return [Hash{Symbol => Object}]
    def malloc_info
      OwnLanguage.demand("malloc_info")
      _, text, seconds = Census.account
      MallocInfo.parse(text).merge(seconds: seconds)
    end

    # glibc's mallinfo2(3), of all arenas together: `arena` (bytes they have of the kernel), `ordblks` (free chunks),
    # `smblks` and `fsmblks` (how many and how many bytes of them are in fastbins), `hblks` and `hblkhd` (blocks with a
    # mapping each, and their bytes), `uordblks` (bytes in use), `fordblks` (bytes free), `keepcost` (bytes at the end
    # of the main heap that a trim would give back). `usmblks` is nil: glibc no longer counts it. Costs as much as
    # malloc_info, `seconds` in all, without the GVL.
    # @return [Hash{Symbol => Integer}]
    # @raise [Unsupported] before glibc 2.33
    def mallinfo2
      OwnLanguage.demand("mallinfo2")
      Glibc.mallinfo2.merge(usmblks: nil)
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
      OwnLanguage.demand("mallopt")
      Mallopt.fetch(name).set(value, unsafe: unsafe)
    end

    # What is known of mallopt's options in this process: set through AllocStats, set by the environment when the
    # process started, or, with a nil for both, glibc's own default.
    # @return [Hash{Symbol => Mallopt::Setting}]
    def mallopts
      OwnLanguage.demand("mallopts")
      tunables = GlibcTunables.of_start
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
    # @return [Hash{String => GlibcTunables::Tunable}]
    def glibc_tunables
      OwnLanguage.demand("glibc_tunables")
      GlibcTunables.of_start.to_h
    end

    # glibc's malloc_trim(3): gives the free pages of all arenas back. Without the GVL; some hundred microseconds a
    # megabyte. AllocStats.purge does the same and measures what came of it.
    # @param pad [Integer] bytes at the end of the main heap to be kept
    # @return [Boolean] whether anything was given back
    # @raise [Unsupported] on another allocator, where malloc_trim does nothing
    def malloc_trim(pad = 0)
      OwnLanguage.demand("malloc_trim")
      Glibc.malloc_trim(OwnLanguage.integer_in(0..(2**47), :bytes, "pad", pad))
    end

    # One of the numeric properties of gperftools' tcmalloc: reads it, or sets it, reads it back and answers what was
    # before.
    #
    #   AllocStats.tcmalloc_property("tcmalloc.max_total_thread_cache_bytes", 8 << 20)   # => 33554432
    #
    # @param unsafe [Boolean] also set "tcmalloc.heap_limit_mb", above which malloc fails
    # @return [Integer]
    # @raise [UnknownName, Unsupported, InvalidValue, ReadOnly, Refused] before anything was changed
    def tcmalloc_property(name, value = OwnLanguage::NOTHING, unsafe: false)
      property = TcmallocProperty.fetch(name)
      value.equal?(OwnLanguage::NOTHING) ? property.value : property.set(value, unsafe: unsafe)
    end

    # The numeric properties that the running tcmalloc has. TcmallocProperty.all says what they are.
    # @return [Hash{String => Integer}] name => value
    def tcmalloc_properties
      TcmallocProperty.all.transform_values(&:value)
    end

    # How fast tcmalloc gives free pages back by itself: 0 is never, 1 is its default. With a rate: sets it, and answers
    # what it was.
    # @return [Float]
    # @raise [Unsupported] where the running library does not export it
    def tcmalloc_release_rate(rate = OwnLanguage::NOTHING)
      OwnLanguage.demand("tcmalloc_release_rate")
      rate.equal?(OwnLanguage::NOTHING) ? Tcmalloc.release_rate : TcmallocProperty.set_release_rate(rate)
    end

    # Gives all free pages of tcmalloc's page heap back. Without the GVL. AllocStats.purge does this and more.
    # @return [Integer] bytes
    def tcmalloc_release_free_memory
      OwnLanguage.demand("tcmalloc_release_free_memory")
      Tcmalloc.release_free_memory
    end

    # What the extension keeps for itself, in the allocator linked into it.
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
    # @param gc [Boolean] collect Ruby's garbage first
    # @param compact [Boolean, Symbol] compact Ruby's heap first, where this Ruby can. A process that shares pages which
    #   were written before a fork (a worker, or a master with workers) is Refused: compacting gives it copies of its own;
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

    # What a monitoring system reads: of this process, its sibling workers and their control group, for
    # Formats::Prometheus and for whoever exposes metrics by other means. A millisecond or two; never walks a heap, never
    # reads /proc/self/smaps.
    # @param health [Hash] what health is judged by, as AllocStats.health takes it
    # @return [Metrics] families of named numbers; what was not measured is absent
    # @raise [UnknownName, InvalidValue]
    def metrics(health: {})
      Metrics.new(Metrics::Reading.new(limits: Health::Limits.new(**health)))
    end

    # Whether the memory of this process and of the workers beside it is in order. Some hundred microseconds.
    # @param options [Hash] what Health::Limits takes: `expect:`, the allocator that is to own all of malloc, and for each
    #   check what it warns and fails from, as a ratio, bytes and a time
    # @return [Health]
    # @raise [UnknownName, InvalidValue]
    def health(**options)
      Health.new(Health::Limits.new(**options))
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

    # Starts the sampler: a thread that takes a sample every `interval` seconds, keeps the history of the last day, and lets
    # the workers of a server see each other. Where it runs already, only the interval may change. Children that are forked from now on
    # have a sampler of their own, but for those that a server's worker forks. Main Ractor only.
    # @param interval [Numeric, nil] seconds, from 0.05 to 3600; nil for what it was before, at first 10
    # @return [Boolean] whether it runs; false where there can be no more threads, which is told on stderr
    # @raise [InvalidValue]
    def start(interval: nil)
      Sampler.start(interval: interval)
    end

    # Ends it, and forgets its history.
    # @return [Boolean] whether it ran
    def stop
      Sampler.stop
    end

    # Whether the sampler runs in this process.
    def started?
      Sampler.started?
    end

    # What this process was like over the last day, as the sampler has seen it; empty where it does not run.
    # @return [History]
    def history
      History.read
    end

    # All workers of the server that this process belongs to: what each one's sampler has reported last, and this process
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
    #   AllocStats.doctor(wait: 60, purge: true)   # two readings with a purge between, to tell a leak from retention
    #
    # @param pid [Integer, nil]
    # @param expect [Symbol, String, nil] the allocator that should run; what the environment asks for unless given
    # @param wait [Numeric, nil] seconds between two readings, before each of which it runs GC.start; it sleeps as long
    # @param purge [Boolean] purge between them, this process only
    # @return [Doctor::Diagnosis]
    # @raise [InvalidValue, UnknownName]
    # @raise [OtherProcess::Gone, OtherProcess::NotPermitted]
    def doctor(pid: nil, expect: nil, wait: nil, purge: false)
      Doctor.diagnose(pid: pid, expect: expect, wait: wait, purge: purge)
    end

    # What lies around malloc: preloads, what was asked for, threads, arenas, huge pages, processors. Some milliseconds;
    # walks no heap.
    # @return [Surroundings]
    def surroundings
      Surroundings.read
    end

    # The page a person reads in the console.
    # @return [Report] a text, by to_s and by inspect
    def report
      Report.new
    end
  end
end

AllocStats::Stub.cover(AllocStats) unless AllocStats.supported?
