# frozen_string_literal: true

module AllocStats
  module Rack
    class Page
      # The cheap figures of this moment, each with its definition.
      class Figures < Section
        template "figures"
        heading "figures", "Figures, and what they mean", "Figures"

        private

        # [Figure, value], in the order of the catalogue.
        def figures = AllocStats.figures.values.map { |figure| [figure, part(:sample)[figure.name]] }
      end
    end
  end
end
