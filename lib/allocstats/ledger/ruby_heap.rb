# frozen_string_literal: true

require "etc"

module AllocStats
  class Ledger
    # Ruby's own heap by GC.stat and, from Ruby 3.2 on, GC.stat_heap, whose slots are of several sizes.
    class RubyHeap
      # Pages that Ruby holds, and the size of one (0 where this Ruby does not tell).
      attr_reader :pages, :page_bytes
      # Bytes in slots that hold an object, swept or not.
      attr_reader :live_bytes

      def initialize
        @stat = GC.stat
        @heaps = GC.respond_to?(:stat_heap) ? GC.stat_heap.values : []
        @pages = @stat.fetch(:heap_allocated_pages)
        @page_bytes = ProcessMemory.heap_page_bytes
        @live_bytes = @heaps.empty? ? one_size : several_sizes
      end

      def page_bytes_in_all = pages * page_bytes

      # Ruby maps its pages itself, unless they are smaller than the machine's: then they are blocks of malloc.
      def from_malloc?
        Etc.sysconf(Etc::SC_PAGESIZE) > page_bytes
      end

      private

      def one_size
        @stat.fetch(:heap_live_slots) * GC::INTERNAL_CONSTANTS.fetch(:RVALUE_SIZE)
      end

      def several_sizes
        slots = @heaps.map { |heap| live_slots(heap) }
        return by_mean_size if slots.any?(nil)
        @heaps.zip(slots).sum { |heap, count| heap.fetch(:slot_size) * count }
      end

      def live_slots(heap)
        return heap[:heap_live_slots] if heap.key?(:heap_live_slots)
        heap[:total_allocated_objects] - heap[:total_freed_objects] if heap.key?(:total_freed_objects)
      end

      # Ruby 3.2 counts objects in all, but not for each size: as if every size were equally full.
      def by_mean_size
        slots = @heaps.sum { |heap| heap.fetch(:heap_eden_slots) }
        return 0 if slots.zero?
        bytes = @heaps.sum { |heap| heap.fetch(:heap_eden_slots) * heap.fetch(:slot_size) }
        @stat.fetch(:heap_live_slots) * bytes / slots
      end
    end
  end
end
