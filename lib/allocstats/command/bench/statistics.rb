# frozen_string_literal: true

module AllocStats
  module Command
    class Bench
      # What is told of many measurements. Each answers nil for none, and leaves out what was not measured.
      module Statistics
        module_function

        def median(values)
          sorted = values.compact.sort
          middle = sorted.size / 2
          return sorted[middle] if sorted.size.odd? || sorted.empty?
          (sorted[middle - 1] + sorted[middle]) / 2.0
        end

        # The smallest value that at least this share of all does not exceed.
        def percentile(values, share)
          sorted = values.compact.sort
          sorted[[(sorted.size * share).ceil - 1, 0].max]
        end

        # How much y grows with each 1 of x: the median of the slopes between each two points (Theil and Sen's line), which
        # a single peak does not bend.
        # @param points [Array<Array(Numeric, Numeric)>]
        # @return [Float, nil] nil for fewer than three points
        def slope(points)
          known = points.select(&:all?)
          return if known.size < 3
          median(known.combination(2).filter_map { |(x1, y1), (x2, y2)| (y2 - y1).fdiv(x2 - x1) unless x1 == x2 })
        end
      end
    end
  end
end
