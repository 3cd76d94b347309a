# frozen_string_literal: true

module AllocStats
  class Diagnosis
    module Checks
      # What malloc keeps has grown, and with it the resident set: what the program gave back did not go to the system.
      class Retention < Grows
        explains :memory_kept

        private

        def summary
          return "The allocator keeps more and more: it has grown by #{pace(:kept)}." if growth.known?(:kept)
          "The allocator keeps more and more: at least #{bytes(growth.cost)} of what the resident set grew by."
        end

        def remedy = "AllocStats.tune(:low_memory); AllocStats.purge"
      end
    end
  end
end
