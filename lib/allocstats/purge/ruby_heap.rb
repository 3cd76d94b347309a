# frozen_string_literal: true

module AllocStats
  class Purge
    # The pages of Ruby's own heap, which Ruby alone can give back, and what it takes to make it do so. Up to 3.4 a
    # collection gives back some of the pages that it has emptied, and the next one some of the rest. From 4.0 on they are
    # kept aside (GC.stat's heap_empty_pages) and no collection gives them back; Process.warmup does, which there is from
    # 3.3 on, and which also compacts.
    class RubyHeap
      # Another collection is worth its time where the last one gave back this part of the pages, at least. Its time is
      # bounded as well: all of them together may take as long as the first.
      WORTH = 16
      MOST_AGAIN = 8

      # Less than this is not worth a compaction more.
      MUCH = 4 * 1024 * 1024

      # Whether this Ruby keeps such pages aside.
      COUNTED = GC.stat.key?(:heap_empty_pages)

      class << self
        # Bytes of pages that hold nothing and are kept all the same; nil where Ruby does not count them.
        def emptied
          page_bytes * GC.stat(:heap_empty_pages) if COUNTED
        end

        # How much of its pages is free, as if all slots were of one size.
        def free
          live, free = GC.stat(:heap_live_slots), GC.stat(:heap_free_slots)
          whole = page_bytes * GC.stat(:heap_allocated_pages)
          return emptied.to_i if live + free == 0
          emptied.to_i + (whole - emptied.to_i) * free / (live + free)
        end

        def warmup? = Process.respond_to?(:warmup) && free >= MUCH

        private

        def page_bytes = ProcessMemory.heap_page_bytes
      end

      def initialize
        @pages = pages
        @begun = Clock.now
      end

      # Collects, for the first time.
      def collect
        GC.start
        @first = Clock.now - @begun
        note
      end

      # Whether another collection is likely to give more pages back.
      def again?
        @freed * WORTH >= @pages && @freed.positive? && RubyHeap.emptied.to_i < RubyHeap::MUCH
      end

      def collect_again
        deadline = Clock.now + @first
        MOST_AGAIN.times do
          GC.start
          note
          break unless again? && Clock.now < deadline
        end
      end

      private

      def pages = GC.stat(:heap_allocated_pages)

      def note
        now = pages
        @freed = @pages - now
        @pages = now
      end
    end
  end
end
