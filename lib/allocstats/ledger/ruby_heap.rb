# frozen_string_literal: true

require "etc"

module AllocStats
  class Ledger
    # Ruby's own heap, as a sample counts it.
    class RubyHeap
      # Pages that Ruby holds, and the size of one (0 where this Ruby does not tell).
      attr_reader :pages, :page_bytes
      # Bytes in slots that hold an object, swept or not; nil where this Ruby, or its collector, does not tell.
      attr_reader :live_bytes

      # @param sample [Sample]
      def initialize(sample)
        @pages = sample.ruby_heap_pages.to_i
        @page_bytes = ProcessMemory.heap_page_bytes
        @live_bytes = sample.ruby_heap_live
      end

      def page_bytes_in_all = pages * page_bytes

      # Ruby maps its pages itself, unless they are smaller than the machine's: then they are blocks of malloc.
      def from_malloc?
        Etc.sysconf(Etc::SC_PAGESIZE) > page_bytes
      end
    end
  end
end
