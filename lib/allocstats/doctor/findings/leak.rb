# frozen_string_literal: true

module AllocStats
  module Doctor
    module Findings
      # What is live grows and goes on growing: the program, and no allocator, holds more and more.
      class Leak < Examination
        needs :growth

        def examine
          return unless growth.grows?(:live)
          found("What the program holds grows by #{bytes(growth.per_hour(:live))} an hour: a leak, or a cache without a bound.", severity: :wrong,
            cost: growth.bytes(:live), evidence: growth.evidence,
            remedy: "require \"objspace\"; ObjectSpace.trace_object_allocations_start   # then ObjectSpace.dump_all twice, and compare what stayed")
        end
      end
    end
  end
end
