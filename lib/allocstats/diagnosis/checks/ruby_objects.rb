# frozen_string_literal: true

module AllocStats
  class Diagnosis
    module Checks
      # The objects in Ruby's own heap grow: the program holds more and more of them, and no allocator has a part in it.
      class RubyObjects < Grows
        private

        def summary = "Objects in Ruby's heap grow by #{pace(:ruby_heap_live)}: the program holds more and more of them."

        def remedy = CLASSES
      end
    end
  end
end
