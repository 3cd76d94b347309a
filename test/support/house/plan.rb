# frozen_string_literal: true

module House
  # Rooms, the arrows between them, and what is wrong with those.
  class Plan
    # From a room to another, with the two lines that were seen.
    Arrow = Struct.new(:from, :to, :what, :lines)

    # @param layers [Hash{Symbol => Array<String>}] from the top down
    def initialize(layers, arrows)
      @layer_of = layers.flat_map.with_index { |(name, rooms), depth| rooms.map { |room| [room, [name, depth]] } }.to_h
      @arrows = arrows.reject { |arrow| arrow.from == arrow.to }
    end

    def violations = homeless + upward + circles

    private

    def homeless
      rooms = @arrows.flat_map { |arrow| [arrow.from, arrow.to] }.uniq
      (rooms - @layer_of.keys).map { |room| Violation.new(:"no layer", room, []) }
    end

    def upward
      @arrows.select { |arrow| depth(arrow.to) < depth(arrow.from) }.uniq(&:what).map do |arrow|
        Violation.new(:upward, "#{arrow.what} (#{layer(arrow.from)} to #{layer(arrow.to)})", arrow.lines)
      end
    end

    # Rooms that can be come back to, along arrows that do not point up: each circle is told once, by its rooms.
    def circles
      down = @arrows.select { |arrow| depth(arrow.to) >= depth(arrow.from) }.group_by(&:from).transform_values { |arrows| arrows.group_by(&:to).transform_values(&:first) }
      Components.of(down.transform_values(&:keys)).select { |rooms| rooms.size > 1 }.map do |rooms|
        inside = rooms.flat_map { |room| (down[room] || {}).values.select { |arrow| rooms.include?(arrow.to) } }
        Violation.new(:circle, rooms.sort.join(" - "), inside.flat_map { |arrow| ["#{arrow.from} to #{arrow.to}:", *arrow.lines] })
      end
    end

    def depth(room) = @layer_of[room]&.last || 0

    def layer(room) = @layer_of[room]&.first

    # Strongly connected components (Tarjan's).
    module Components
      require "tsort"

      module_function

      def of(edges)
        nodes = (edges.keys + edges.values.flatten).uniq
        TSort.strongly_connected_components(->(&block) { nodes.each(&block) }, ->(node, &block) { (edges[node] || []).each(&block) })
      end
    end
  end
end
