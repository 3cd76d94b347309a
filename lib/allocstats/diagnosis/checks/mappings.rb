# frozen_string_literal: true

module AllocStats
  class Diagnosis
    module Checks
      # Anonymous memory grows that is neither malloc's nor Ruby's: a library maps it for itself.
      class Mappings < Grows
        private

        def summary = "Memory that is neither malloc's nor Ruby's grows by #{pace(:other)}: a library maps it for itself."

        def remedy = mappings('$1 " " $6')
      end
    end
  end
end
