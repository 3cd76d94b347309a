# frozen_string_literal: true

require "test_helper"

class ClockTest < Minitest::Test
  def test_it_counts_seconds
    begun = AllocStats::Clock.now
    sleep 0.05
    assert_in_delta 0.05, AllocStats::Clock.now - begun, 1
    assert_operator AllocStats::Clock.now - begun, :>=, 0.05
  end

  def test_it_costs_no_object
    AllocStats::Clock.now
    before = GC.stat(:total_allocated_objects)
    100.times { AllocStats::Clock.now }
    assert_operator GC.stat(:total_allocated_objects) - before, :<, 100
  end
end
