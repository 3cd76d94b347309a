# frozen_string_literal: true

module AllocStats
  module Doctor
    # Whom the doctor looks at: facts, each read when it is first asked for, nil where it cannot be seen. The same names
    # and shapes for this process, for another one from outside, and for one behind an endpoint, so that the same
    # findings judge all three.
    class Subject
      autoload :Cheap, "allocstats/doctor/subject/cheap"
      autoload :Itself, "allocstats/doctor/subject/itself"
      autoload :Local, "allocstats/doctor/subject/local"
      autoload :Outside, "allocstats/doctor/subject/outside"
      autoload :Remote, "allocstats/doctor/subject/remote"
      autoload :ThisProcess, "allocstats/doctor/subject/this_process"

      # name => what it is. Bytes, unless said otherwise.
      FACTS = {
        allocator: "the allocator: {name:, version:, title:, evidence:}",
        ownership: "who owns malloc, proven: {verdict:, sentence:, evidence:}",
        expected: "the allocators one of which was asked for: {names:, version:, source:}",
        preloads: "libraries that were to be preloaded: [{entry:, source:, loaded:, reason:, allocator:}]",
        variables: "the environment of the start",
        environment_now: "ENV as it is now",
        settings: "what was asked of allocators: [{name:, source:, allocator:, asked:, in_force:, state:, reason:}]",
        sample: "the cheap figures",
        memory: "the kernel's count: ProcessMemory#to_h",
        ledger: "where the resident memory is: {rss:, layers: {name => bytes}, reasons:}",
        kept: "what malloc keeps and nobody uses: {bytes:, live:, rss:, source:}; live is nil where not counted",
        peak: "the most that was ever resident",
        threads: "how the threads call themselves: {name => count}",
        hasty_forks: "forks at whose very moment a thread of the parent was beginning: [{parent:, child:, thread:}]",
        background_threads: "whether jemalloc was told to have threads of its own",
        arenas: "glibc's arenas: {count:, free:}; free are bytes kept in those beside the main one, nil where not told",
        huge_pages: "transparent huge pages: {mode:, allowed:}",
        overcommit: "what the kernel has promised: {mode:, limit:, committed:}",
        processors: "{seen:, quota:, source:}, quota nil where there is none",
        history: "samples over time: {points: [[seconds, rss, live, kept]]}",
        interval: "two readings and what was between: {seconds:, before:, purged:, after:}; each reading {rss:, live:, kept:}",
        growth: "how the figures grow, by either of these: Growth",
        load_error: "the LoadError that is being handled"
      }.freeze

      # What a purge would change is read before it.
      BEFORE_INTERVAL = %i[memory ledger sample arenas peak].freeze

      FACTS.each_key { |fact| define_method(fact) { @facts.fetch(fact) { @facts[fact] = take(fact) } } }

      # @param expect [Symbol, nil] the allocator that should run
      # @param wait [Numeric, nil] seconds between two readings
      # @param purge [Boolean] purge between them
      def initialize(expect: nil, wait: nil, purge: false)
        @expect, @wait, @purge = expect, wait, purge
        @facts = {}
        @reasons = {}
        @void = []
      end

      # "process 4711 (puma: cluster worker 0: 71)"
      def title = raise(NotImplementedError)

      # @param fact [Symbol] of FACTS
      def seen?(fact)
        !public_send(fact).nil?
      end

      # Why a fact is nil.
      # @return [String, nil]
      def why_not(fact)
        @reasons[fact] unless seen?(fact)
      end

      # Whether a fact is nil because there is nothing of the kind: then there is nothing to be found in it either.
      def void?(fact)
        !seen?(fact) && @void.include?(fact)
      end

      private

      def take(fact)
        reader = :"read_#{fact}"
        respond_to?(reader, true) ? send(reader) : unseen(fact, blindness)
      rescue Error, SystemCallError => error
        unseen(fact, error.message)
      end

      def unseen(fact, reason)
        @reasons[fact] = reason
        nil
      end

      def void(fact, reason)
        @void << fact
        unseen(fact, reason)
      end

      # Why facts without a reader are nil.
      def blindness = raise(NotImplementedError)

      # What asks for an allocator, the first that says something counts.
      def read_expected
        return {names: [@expect], version: nil, source: "--expect"} if @expect
        return unseen(:expected, why_not(:variables)) unless seen?(:variables)
        Expectation.in(variables) || void(:expected, "nothing asks for an allocator")
      end

      def read_interval
        return unseen(:interval, "two readings are taken only when asked for (--wait SECONDS)") unless @wait
        BEFORE_INTERVAL.each { |fact| public_send(fact) }
        collect
        before = figures
        purged = (@purge && purge) ? figures : nil
        pause(@wait)
        renew
        collect
        {seconds: @wait, before: before, purged: purged, after: figures}
      end

      # What a purge gave back is the better measure, where there was one.
      def read_kept
        return released if seen?(:interval) && interval[:purged]
        return unseen(:kept, why_not(:ledger)) unless seen?(:ledger)
        bytes, live = ledger[:layers].values_at(:malloc_kept, :malloc_live)
        return unseen(:kept, ledger[:reasons][:malloc_live] || ledger[:reasons][:malloc] || blindness) unless bytes && live
        {bytes: bytes, live: live, rss: ledger[:rss], source: "by the allocator's own count"}
      end

      def released
        before, after = interval.values_at(:before, :purged).map { |figures| figures[:rss] }
        return unseen(:kept, "the resident set could not be read around the purge") unless before && after
        {bytes: [before - after, 0].max, live: nil, rss: before, source: "a purge gave it back"}
      end

      def read_growth
        return Growth.between(interval) if seen?(:interval)
        return unseen(:growth, "#{why_not(:history)}; #{why_not(:interval)}") unless seen?(:history)
        Growth.of(history[:points]) or unseen(:growth, "the history is too short yet; #{why_not(:interval)}")
      end

      def pause(seconds) = sleep(seconds)

      # Forgets a reading that was taken before.
      def renew = nil

      # Takes Ruby's garbage away, which malloc counts as live until then; where that can be done.
      def collect = nil

      def purge = false
    end
  end
end
