# frozen_string_literal: true

module AllocStats
  module Doctor
    module Findings
      # The resident set grows, and what is live does not: the allocator keeps more and more. Where live bytes are not
      # counted, the two cannot be told apart.
      class Retention < Examination
        needs :growth
        explains :memory_kept

        def examine
          return if growth.grows?(:live) || !growth.grows?(:rss)
          return if growth.known?(:live) && growth.per_hour(:live) > growth.per_hour(:rss) / 2
          found("The resident set grows by #{bytes(growth.per_hour(:rss))} an hour#{nature}.", cost: growth.bytes(:rss), evidence: growth.evidence,
            remedy: "AllocStats.tune(:low_memory)   # and if it grows on after AllocStats.purge, the program itself holds more")
        end

        private

        def nature
          growth.known?(:live) ? ", and what is live does not: the allocator keeps it" : "; whether the program or the allocator holds it cannot be told here"
        end
      end
    end
  end
end
