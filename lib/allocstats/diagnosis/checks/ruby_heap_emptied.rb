# frozen_string_literal: true

module AllocStats
  class Diagnosis
    module Checks
      # Ruby 4.0 and later keep the pages of their heap that a collection has emptied, and no collection gives them back.
      class RubyHeapEmptied < Check
        needs :ruby_heap, :memory

        def finding
          emptied, rss = ruby_heap[:emptied], memory[:rss]
          return unless emptied && rss && Thresholds::RUBY_HEAP_EMPTIED.reached?(emptied, rss)
          found("Ruby keeps #{bytes(emptied)} of emptied pages of its heap, #{percent(emptied, rss)} of the resident set.", cost: emptied,
            evidence: ["GC.stat(:heap_empty_pages) is #{emptied / ruby_heap[:page_bytes]}, of #{bytes(ruby_heap[:page_bytes])} each", "no collection and no allocator gives them back; Process.warmup does"],
            remedy: "AllocStats.purge(compact: true)   # before workers are forked: compacting a heap that is shared gives each process pages of its own")
        end
      end
    end
  end
end
