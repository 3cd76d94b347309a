# frozen_string_literal: true

module AllocStats
  class Diagnosis
    module Checks
      # The stacks of threads grow: more threads, or deeper ones. No allocator can give a stack back.
      class Stacks < Grows
        private

        def summary = "The stacks of threads grow by #{pace(:stacks)}."

        def more = [("there are #{threads.values.sum} threads" if threads)]

        def remedy = "pp Thread.list.map { |thread| thread.backtrace_locations(0, 1)&.first.to_s }.tally.max_by(10, &:last)   # where they are; a pool of a fixed size ends them"
      end
    end
  end
end
