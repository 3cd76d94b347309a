# frozen_string_literal: true

module AllocStats
  class Purge
    # One purge, step by step. The order is: Ruby's own garbage, the allocator's options, what belongs to this thread, what
    # is kept for the process, the extension's own heap. The C side runs without the GVL.
    class Run
      # What has to be said to have a heap compacted whose pages are shared with other processes.
      EVEN_SHARED = :even_shared

      # From this many bytes on that other processes map too, and that somebody wrote, a heap counts as shared.
      SHARED = 4 * 1024 * 1024

      def initialize(gc: false, compact: false, threads: true)
        @gc = gc
        @compact = compact
        @threads = threads
        @asked = {}
        @steps = []
        @words = Purge.words
      end

      # @return [Purge]
      # @raise [Refused] before anything was done
      def call
        begun = Clock.now
        own = pages_of_process
        refuse_to_unshare(own[:shared_dirty]) if @compact && @compact != EVEN_SHARED
        @sample = AllocStats.sample
        before = @sample.to_h
        collect_garbage
        purge_allocator
        step(PRIVATE_HEAP) { PrivateHeap.purge }
        Purge.new(before: before.merge(uss: uss_of(own)), after: @sample.refresh.to_h.merge(uss: uss_of(pages_of_process)), steps: @steps,
          threads: @asked, seconds: Clock.now - begun, supported: supported?)
      ensure
        @sample&.close
      end

      private

      def supported?
        !@words[:process].nil?
      end

      # The kernel's account of this process's pages: milliseconds, growing with the resident set, so it is read only where
      # Ruby's collector writes to pages, which may have been shared until then.
      def pages_of_process
        (@gc || @compact) ? ProcessMemory.rollup(ProcessMemory::SELF).first : {}
      end

      # What no other process maps: what the machine would have back.
      def uss_of(pages)
        own = pages.values_at(:private_clean, :private_dirty)
        own.sum if own.all?
      end

      # Compacting moves objects, which writes to every page of Ruby's heap: each one that a forked worker shares with its
      # parent and siblings becomes a copy of its own.
      def refuse_to_unshare(shared)
        return unless shared && shared >= SHARED
        raise Refused, "this process shares #{Formats::Units.inline_bytes(shared)} that were written before a fork with other processes; compacting its heap would " \
          "give it copies of its own. Compact before the fork, or say compact: :#{EVEN_SHARED}"
      end

      def collect_garbage
        return unless @gc || @compact
        heap = RubyHeap.new
        step("GC.start") { heap.collect }
        step("GC.start again, while it gives pages back") { heap.collect_again } if heap.again?
        return unless @compact
        step("GC.compact") { GC.compact } if GC.respond_to?(:compact)
        step("Process.warmup") { Process.warmup } if RubyHeap.warmup?
      end

      def purge_allocator
        Purge.apart do
          Purge.with_options do
            step(@words[:thread]) { purge_this_thread } if @words[:thread]
            step(@words[:process]) { Purge.on_process } if supported?
          end
        end
      end

      # The others follow when they come by a safe point: nobody else can hand back what belongs to them.
      def purge_this_thread
        Purge.on_this_thread
        return unless @threads
        Purge.ask_threads
        SharedMemory.wake # the agent's thread, which sleeps, comes by at once
        others = Thread.list.size - 1
        @asked = {asked: others} if others.positive?
      end

      def step(name)
        begun = Clock.now
        rss = @sample.refresh.rss
        yield
        left = @sample.refresh.rss
        @steps << Step.new(name: name, released: rss && left && rss - left, seconds: Clock.now - begun)
      end
    end
  end
end
