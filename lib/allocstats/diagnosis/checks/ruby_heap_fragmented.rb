# frozen_string_literal: true

module AllocStats
  class Diagnosis
    module Checks
      # Ruby's own heap has many pages, and few objects on each: Ruby gives a page back only when it is empty.
      class RubyHeapFragmented < Check
        needs :ledger

        def finding
          free, live = layer(:ruby_heap_free), layer(:ruby_heap_live)
          return unless free && live && Thresholds::RUBY_HEAP_FREE.reached?(free, free + live)
          found("#{bytes(free)} of Ruby's heap hold no object, #{percent(free, free + live)} of it.", cost: free,
            evidence: ["objects take #{bytes(live)} of the #{bytes(free + live)} that are resident of Ruby's heap", "no allocator can give back what Ruby's own heap keeps"],
            remedy: "2.times { AllocStats.purge(gc: true, compact: true) }   # best, before workers are forked: in a worker it writes to pages that it shares")
        end
      end
    end
  end
end
