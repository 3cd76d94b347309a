# frozen_string_literal: true

module AllocStats
  class Diagnosis
    # Whom a diagnosis looks at: facts, each read when it is first asked for and once only, nil where it cannot be seen. The
    # same names and shapes for this process, for another one from outside, and for one behind an endpoint, so that the
    # same checks judge all three.
    class Target
      autoload :Cheap, "allocstats/diagnosis/target/cheap"
      autoload :Itself, "allocstats/diagnosis/target/itself"
      autoload :Local, "allocstats/diagnosis/target/local"
      autoload :Outside, "allocstats/diagnosis/target/outside"
      autoload :Remote, "allocstats/diagnosis/target/remote"
      autoload :Server, "allocstats/diagnosis/target/server"
      autoload :ThisProcess, "allocstats/diagnosis/target/this_process"

      # name => what it is. Bytes, unless said otherwise.
      FACTS = {
        allocator: "the allocator: {name:, version:, title:, evidence:}",
        ownership: "who owns malloc, proven: {verdict:, sentence:, evidence:, functions:}",
        expected: "the allocators one of which was asked for: {names:, version:, source:}",
        preloads: "libraries that were to be preloaded: [{entry:, source:, loaded:, reason:, allocator:}]",
        variables: "the environment of the start",
        environment_now: "ENV as it is now",
        settings: "what was asked of allocators: [{name:, source:, allocator:, asked:, in_force:, state:, reason:}]",
        sample: "the cheap figures",
        memory: "the kernel's count: ProcessMemory#to_h",
        cgroup: "the control group: Cgroup#to_h",
        resident: "what is resident, of the process or of all workers: {bytes:, whose:, limit:, source:}, with the limit that binds",
        workers: "the processes of the server: [{index:, pid:, alive:, stale:, age:}]",
        ledger: "where the resident memory is: {rss:, layers: {name => bytes}, reasons:}",
        ruby_heap: "pages of Ruby's own heap: {emptied:, page_bytes:}; emptied are bytes of those that hold nothing and are kept all the same",
        kept: "what malloc keeps and nobody uses: {bytes:, live:, rss:, source:}; live is nil where not counted. Of workers that of the one that keeps most: {pid:, points:}, the latter with [time, kept, rss] over seconds",
        peak: "the most that was ever resident",
        threads: "how the threads call themselves: {name => count}",
        hasty_forks: "forks at whose very moment a thread of the parent was beginning: [{parent:, child:, thread:}]",
        background_threads: "whether malloc was told to have threads of its own",
        arenas: "malloc's arenas: {count:, free:}; free are bytes kept in those beside the main one, nil where not told",
        huge_pages: "transparent huge pages: {mode:, allowed:}",
        overcommit: "what the kernel has promised: {mode:, limit:, committed:}",
        processors: "{seen:, quota:, source:}, quota nil where there is none",
        history: "samples over time: {points: [[seconds, rss, live, kept, ...]]}, as History::Point has them",
        interval: "two readings, and what purges at either end left: {seconds:, before:, purged:, after:, purged_after:}; each by Growth::LAYERS",
        growth: "how the layers grow, by either of these: Growth",
        load_error: "the LoadError that is being handled"
      }.freeze

      # What a purge would change is read before it.
      BEFORE_INTERVAL = %i[memory ledger ruby_heap sample arenas peak].freeze

      FACTS.each_key { |fact| define_method(fact) { @facts.fetch(fact) { @facts[fact] = take(fact) } } }

      # By which findings are judged.
      # @return [Limits]
      attr_reader :limits

      # @param limits [Limits] with the allocator that should run
      # @param wait [Numeric, nil] seconds between two readings
      # @param purge [Boolean] purge before and after them
      def initialize(limits: Limits.default, wait: nil, purge: false)
        @limits, @wait, @purge = limits, wait, purge
        @facts = {}
        @reasons = {}
        @void = []
      end

      # "process 4711 (puma: cluster worker 0: 71)"
      def title = raise(NotImplementedError)

      # @return [Integer, nil]
      def pid = nil

      # The one whose growth is told.
      def growing_pid = pid

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

      # How the resident set grows, in a word of Growth::VERDICTS.
      # @return [Symbol, nil]
      def growth_verdict
        return growth.verdict if seen?(:growth)
        :warming_up if @warming_up
      end

      # As `growth`, over the time of another limit.
      # @param limit [Limits::Limit]
      # @return [Growth, nil]
      def growth_over(limit)
        (limit.seconds == growth_limit.seconds || !seen?(:history) || seen?(:interval)) ? growth : growth_of(limit)
      end

      private

      def take(fact)
        reader = :"read_#{fact}"
        respond_to?(reader, true) ? send(reader) : unseen(fact, blindness)
      rescue Error, SystemCallError => error
        unseen(fact, error.message)
      rescue => error
        unseen(fact, "it could not be read: #{Formats.line(error.message)} (#{error.class})")
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
        return {names: [limits.expect], version: nil, source: "--expect"} if limits.expect
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
        after = figures
        {seconds: @wait, before: before, purged: purged, after: after, purged_after: ((purged && purge) ? figures : nil)}
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
        before, *after = interval.values_at(:before, :purged, :after).map { |figures| figures[:rss] }
        return unseen(:kept, "the resident set could not be read around the purge") unless before && after.all?
        after = after.min # threads hand back what is kept for them when they come by, in a moment
        {bytes: [before - after, 0].max, live: nil, rss: before, source: "a purge gave it back"}
      end

      def read_growth
        return Growth::Interval.new(interval) if seen?(:interval)
        return unseen(:growth, "#{why_not(:history)}; #{why_not(:interval)}") unless seen?(:history)
        growth_of(growth_limit)
      end

      # Of the level that is asked first; nobody asks where growth is switched off.
      def growth_limit
        limits.of(:growth, :warn) || limits.of(:growth, :fail) || Limits.default.of(:growth, :warn)
      end

      def growth_of(limit)
        from = history[:points].empty? ? 0 : history[:points].last.first - limit.seconds
        points = history[:points].select { |time, rss| time >= from && rss }
        short = Growth::History.too_short(points, limit) or return Growth::History.new(points, limit, kept: kept_now)
        @warming_up = true
        unseen(:growth, "#{short}; #{why_not(:interval)}")
      end

      # Where live and kept are only told by a count that is asked for: what it says now.
      def kept_now
        return unless seen?(:ledger)
        live, kept = ledger[:layers].values_at(:malloc_live, :malloc_kept)
        {live: live, kept: kept} if live && kept
      end

      def read_cgroup = seen?(:memory) ? memory[:cgroup] : unseen(:cgroup, why_not(:memory))

      def read_resident
        return unseen(:resident, why_not(:memory)) unless seen?(:memory)
        limit = memory[:limit] or return unseen(:resident, memory.dig(:reasons, :limit) || "no limit is known")
        rss = memory[:rss] or return unseen(:resident, "the resident set cannot be read")
        {bytes: rss, whose: "in this process", limit: limit[:bytes], source: limit[:source]}
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
