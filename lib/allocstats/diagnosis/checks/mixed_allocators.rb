# frozen_string_literal: true

module AllocStats
  class Diagnosis
    module Checks
      # malloc, free and their kin belong to different objects: a block that one gave and another takes back ends the
      # process sooner or later.
      class MixedAllocators < Check
        needs :ownership

        def finding
          return unless ownership[:verdict] == :mixed
          found("The functions of malloc belong to different allocators.", severity: :wrong, evidence: [ownership[:sentence], *ownership[:evidence]].uniq,
            remedy: remedy)
        end

        private

        # One allocator that has all of malloc before every other; where none was meant, none that has a part of it.
        def remedy
          whole = preloaded.find { |request| request[:allocator] && request[:loaded] }
          return preload_line([whole, *(preloaded - [whole])]) if whole
          parts = preloaded.select { |request| (ownership[:functions] || {}).value?(request[:loaded]) || (ownership[:functions] || {}).value?(request[:entry]) }
          parts.empty? ? exec_line(nil) : preload_line(preloaded - parts)
        end
      end
    end
  end
end
