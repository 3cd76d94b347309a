# frozen_string_literal: true

require "test_helper"

class HistoryTest < Minitest::Test
  # A point every `step` seconds until now, whose resident set the block gives.
  def history(count, step: 10)
    now = Time.now.to_f
    AllocStats::History.new(Array.new(count) { |i| [now - (count - 1 - i) * step, yield(i), nil, 7] }, interval: step)
  end

  def test_points_are_those_of_the_last_seconds
    history = history(400) { |i| i * 1000 }
    points = history.points(seconds: 95)
    assert_equal (390..399).map { |i| i * 1000 }, points.map(&:rss)
    assert_equal [[nil, 7]], points.map { |point| [point.live, point.kept] }.uniq
    assert_in_delta Time.now.to_f, points.last.time.to_f, 5
    assert_equal 360, history.points.size
    assert_equal 400, history.points(seconds: 86_400).size
  end

  def test_a_line_grows_as_it_does
    assert_in_delta 360_000, history(360) { |i| 5_000_000 + i * 1000 }.growth, 1
    assert_in_delta(-360_000, history(360) { |i| 5_000_000 - i * 1000 }.growth, 1)
    assert_equal 0, history(360) { 5_000_000 }.growth
  end

  def test_one_peak_does_not_bend_the_line
    assert_in_delta 360_000, history(60) { |i| i * 1000 + ((i == 58) ? 900_000_000 : 0) }.growth(seconds: 600), 20_000
  end

  def test_too_few_points_make_no_line
    assert_nil history(9) { |i| i }.growth(seconds: 60)
    assert_nil history(20) { |i| i }.growth(seconds: 3600), "200 seconds say little of an hour"
    assert_kind_of Float, history(20) { |i| i }.growth(seconds: 600)
    assert_nil history(20) {}.growth(seconds: 600), "the kernel did not say"
    assert_nil AllocStats::History.new([], interval: nil).growth
  end

  def test_to_h
    history = history(3) { |i| i }
    assert_equal 10, history.to_h[:interval]
    assert_equal [[0, nil, 7], [1, nil, 7], [2, nil, 7]], history.to_h[:points].map { |point| point.drop(1) }
  end

  def test_without_an_agent_there_is_none
    refute AllocStats.started?
    history = AllocStats.history
    assert_empty history
    assert_equal [[], nil, 0], [history.points, history.interval, history.size]
    assert_equal "#<AllocStats::History 0 points>", history.inspect
  end

  def test_what_is_no_number_of_seconds
    ["60", nil, 0, -1, Complex(1, 1), Float::NAN].each do |seconds|
      assert_raises(AllocStats::InvalidValue, seconds.inspect) { AllocStats.history.points(seconds: seconds) }
      assert_raises(AllocStats::InvalidValue, seconds.inspect) { AllocStats.history.growth(seconds: seconds) }
    end
  end

  def test_a_day_of_ticks
    # 9,000 samples are more than a day's minutes could be in this time: the fine ring is full, the coarse one has few.
    points = ChildProcess.ruby("AllocStats.start; 9_000.times { AllocStats::SharedMemory.tick }; AllocStats.history.to_h[:points]").value
    assert_operator points.size, :>=, 360
    assert_operator points.size, :<=, 360 + 5
    assert_equal points.map(&:first).sort, points.map(&:first)
    points.each { |_, rss, live, kept| assert_equal [Integer, NilClass, NilClass], [rss, live, kept].map(&:class) }
  end

  # What the layers are, by a ledger taken at the same time.
  def test_layers_are_the_ledgers
    point, ledger, sample = ChildProcess.ruby(<<~RUBY).value
      AllocStats.start(interval: 3600)
      sleep 0.02 until AllocStats.workers.own.figures[:pss]
      $text = Array.new(50_000) { "x" * 900 }
      AllocStats::SharedMemory.tick_slowly
      AllocStats::SharedMemory.tick
      [AllocStats.history.points.last.to_h, AllocStats.ledger.to_h[:layers], AllocStats.sample.to_h]
    RUBY
    assert_equal AllocStats::History::Point.members, point.keys
    assert_in_delta ledger[:malloc], point[:malloc], 1 << 20
    assert_in_delta ledger[:ruby_heap_live], point[:ruby_heap_live], 1 << 20
    assert_in_delta ledger[:ruby_heap_live] + ledger[:ruby_heap_free], point[:ruby_heap], 1 << 20
    assert_in_delta ledger[:files] + ledger[:shared], point[:files], 1 << 20
    assert_in_delta ledger[:stacks], point[:stacks], 1 << 18
    assert_in_delta sample[:ruby_heap_live], point[:ruby_heap_live], 1 << 20
  end
end
