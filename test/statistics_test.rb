# frozen_string_literal: true

require "test_helper"

class StatisticsTest < Minitest::Test
  Statistics = AllocStats::Statistics

  def test_median
    assert_equal 2, Statistics.median([3, 1, 2])
    assert_equal 2.5, Statistics.median([4, 1, 2, 3, nil])
    assert_nil Statistics.median([])
    assert_nil Statistics.median([nil])
  end

  def test_percentile
    assert_equal 99, Statistics.percentile((1..100).to_a.shuffle, 0.99)
    assert_equal 7, Statistics.percentile([7, nil], 0.99)
    assert_nil Statistics.percentile([], 0.99)
  end

  def test_a_single_peak_does_not_bend_the_slope
    line = (0..20).map { |x| [x, 3 * x + 5] }
    line[10] = [10, 1_000_000]
    assert_in_delta 3.0, Statistics.slope(line)
    assert_in_delta(-0.5, Statistics.slope([[0.0, 4], [2.0, 3], [2.0, 3], [4.0, 2]]))
  end

  def test_too_few_points_have_no_slope
    assert_nil Statistics.slope([])
    assert_nil Statistics.slope([[0, 1], [1, nil], [2, 3]])
    assert_nil Statistics.slope([[7, 1], [7, 2], [7, 3]])
  end
end
