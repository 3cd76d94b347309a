# frozen_string_literal: true

module AllocStats
  class Sample
    # One line of the catalogue of figures: what a sample can hold.
    #
    # - `name` (Symbol) as in `sample[name]`
    # - `unit` (Symbol) `:bytes`, `:pages`, `:threads`, `:arenas` or `:faults`
    # - `kind` (Symbol) `:gauge`, which rises and falls, or `:counter`, which only rises
    # - `definition` (String) one sentence that sets the figure against its neighbours
    # - `allocators` (Array<Symbol>) those of which some version measures it; the running version may not, and then the
    #   sample holds nil
    # - `note` (String or nil) what to know of it on the allocator that runs this process
    Figure = Struct.new(:name, :unit, :kind, :definition, :allocators, :note, keyword_init: true) do
      # All figures by name, in the order in which they are shown.
      def self.catalogue = self::CATALOGUE
    end

    Figure::CATALOGUE = Ractor.make_shareable(Sample.catalogue.to_h { |name, unit, kind, definition, allocators, note|
      [name, Figure.new(name: name, unit: unit, kind: kind, definition: definition, allocators: allocators, note: note)]
    })
  end
end
