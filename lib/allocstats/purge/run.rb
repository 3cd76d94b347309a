# frozen_string_literal: true

module AllocStats
  class Purge
    # One purge, step by step. The order is: Ruby's own garbage, the allocator's options, what belongs to threads, what is
    # kept for the process, the extension's own heap. The C side runs without the GVL.
    class Run
      def initialize(gc: false, compact: false, threads: true)
        @gc = gc
        @compact = compact
        @threads = threads
        @reached = {}
        @steps = []
        @words = Purge.words
      end

      # @return [Purge]
      def call
        begun = Clock.now
        @sample = AllocStats.sample
        before = @sample.to_h
        collect_garbage
        purge_allocator
        step(PRIVATE_HEAP) { PrivateHeap.purge }
        Purge.new(before: before, after: @sample.refresh.to_h, steps: @steps, threads: @reached,
          seconds: Clock.now - begun, supported: supported?)
      ensure
        @sample&.close
      end

      private

      def supported?
        !@words[:process].nil?
      end

      def collect_garbage
        step("GC.start") { GC.start } if @gc || @compact
        step("GC.compact") { GC.compact } if @compact && GC.respond_to?(:compact)
      end

      def purge_allocator
        with_options do
          step(@words[:thread]) { Purge.on_this_thread } if @words[:thread]
          step("#{@words[:thread]} on other threads") { purge_threads } if @words[:thread] && @threads
          step(@words[:process]) { Purge.on_process } if supported?
        end
      end

      def with_options
        Purge.apart do
          Purge.begin_options
          yield
        ensure
          Purge.end_options
        end
      end

      # Sleeping threads purge inside a signal's handler; the others when they come by a safe point.
      def purge_threads
        Purge.ask_threads
        others = Thread.list - [Thread.current]
        @reached = others.map { |thread| Purge.on_thread(thread) }.tally
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
