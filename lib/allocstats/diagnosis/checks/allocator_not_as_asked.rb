# frozen_string_literal: true

module AllocStats
  class Diagnosis
    module Checks
      # A variable, or whoever asks the doctor, names an allocator, and another one runs.
      class AllocatorNotAsAsked < Check
        needs :allocator, :expected

        def finding
          return if Expectation.met?(expected, allocator)
          found("#{asked} was asked for, and #{title} runs.", severity: :wrong,
            evidence: ["#{expected[:source]} asks for #{asked}", *allocator[:evidence].first(1)], remedy: exec_line(expected[:names].first))
        end

        private

        def asked
          [expected[:names].join(" or "), expected[:version]].compact.join(" ")
        end
      end
    end
  end
end
