# frozen_string_literal: true

module AllocStats
  # What is told of many measurements. Each answers nil for none, and leaves out what was not measured.
  module Statistics
    # On fewer points than these any line would do.
    FEWEST_ON_A_LINE = 3

    module_function

    # @param values [Array<Numeric, nil>]
    # @return [Numeric, nil] the middle one; of an even number of them, what lies between the two
    def median(values)
      sorted = values.compact.sort
      middle = sorted.size / 2
      return sorted[middle] if sorted.size.odd? || sorted.empty?
      (sorted[middle - 1] + sorted[middle]) / 2.0
    end

    # The smallest value that at least this share of all does not exceed.
    # @param values [Array<Numeric, nil>]
    # @param share [Float] 0.99
    # @return [Numeric, nil]
    def percentile(values, share)
      sorted = values.compact.sort
      sorted[[(sorted.size * share).ceil - 1, 0].max]
    end

    # How much y grows with each 1 of x: the median of the slopes between each two points (Theil and Sen's line), which a
    # single peak does not bend. Each is compared with each, so a thousand points are half a million slopes.
    # @param points [Array<Array(Numeric, Numeric or nil)>] [x, y], by x; two at the same x have no slope
    # @return [Float, nil] nil for fewer than three points, or where all have the same x
    def slope(points)
      known = points.select(&:all?)
      return if known.size < FEWEST_ON_A_LINE
      median(known.combination(2).filter_map { |(x1, y1), (x2, y2)| (y2 - y1).fdiv(x2 - x1) if x2 > x1 })
    end
  end
end
