# frozen_string_literal: true

require "test_helper"
require "support/growing"
require "support/under_each"

# A real process grows in one layer at a time, under each allocator: the verdict is that layer's, and no other finding
# speaks; by two readings, and by the history of an hour whose clock the test made.
module GrowthTests
  MIB = 1 << 20

  # mimalloc 2.0.9 gives nothing back for pages in which a block lives, and counts no live bytes.
  UNTOLD = {"mimalloc-2.0.9" => [:burst]}.freeze
  # Without live bytes over time nothing of malloc is retention, but where a count at the end proves it (glibc).
  UNTOLD_IN_HISTORY = {"mimalloc-2.0.9" => [:burst], "mimalloc-3.0.1" => [:burst], "mimalloc-3.6.0" => [:burst]}.freeze

  # The verdict, with what the resident set grew by as the kernel says.
  BY_WAIT = <<~RUBY
    target = AllocStats::Diagnosis::Target::ThisProcess.new(wait: 1, purge: %<purge>s)
    target.define_singleton_method(:pause) { |_| before = AllocStats.sample.rss; %<way>s; GC.start; $grown = AllocStats.sample.rss - before }
    [AllocStats::Diagnosis.of(target).to_h, $grown]
  RUBY

  # 40 points in an hour. What the agent would have written at each is read from where it writes it.
  BY_HISTORY = <<~RUBY
    AllocStats.start(interval: 3600)
    sleep 0.02 until AllocStats.history.size > 0
    sleep 0.05
    begun = Time.now.to_f - 3600
    rows = Array.new(40) do |i|
      %<way>s
      GC.start if i %% 8 == 0
      AllocStats::SharedMemory.tick_slowly
      AllocStats::SharedMemory.tick
      [begun + i * 90, *AllocStats.history.rows.last.drop(1)]
    end
    target = AllocStats::Diagnosis::Target::ThisProcess.new
    target.define_singleton_method(:read_history) { {points: rows} }
    [AllocStats::Diagnosis.of(target).to_h, rows.last[1] - rows.first[1]]
  RUBY

  # jemalloc's own decay would give back within the test what it keeps for ten seconds.
  KEEPING = {"MALLOC_CONF" => "dirty_decay_ms:-1,muzzy_decay_ms:-1"}.freeze

  Growing::WAYS.each do |way, verdict|
    define_method(:"test_#{way}_between_two_readings") do
      purge = way == :burst && entry.name == :mimalloc
      expected = UNTOLD[entry.key]&.include?(way) ? :growing : verdict
      assert_verdict expected, format(BY_WAIT, purge: purge, way: "#{way}(#{amount(way)})"), way, share: 1
    end

    define_method(:"test_#{way}_in_a_history") do
      expected = UNTOLD_IN_HISTORY[entry.key]&.include?(way) ? :growing : verdict
      assert_verdict expected, format(BY_HISTORY, way: history_step(way)), way, share: 2 / 3.0
    end
  end

  def test_a_warm_up_that_ends
    told, = look(format(BY_HISTORY, way: "strings((i < 14) ? 4 : 0)"))
    assert_equal ["steady", []], [told[:growth], findings(told)], told.inspect
    told, = look(format(BY_HISTORY, way: "strings([12 - i, 0].max)"))
    assert_includes ["steady", "warming_up"], told[:growth]
    assert_empty findings(told), told.inspect
  end

  def test_nothing_between_two_readings
    told, = look(format(BY_WAIT, purge: false, way: "objects(2)"))
    assert_equal ["steady", []], [told[:growth], findings(told)], told.inspect
  end

  private

  def entry = self.class::ENTRY

  def look(code)
    child("#{Growing::PREPARED}\n#{code}", env: (entry.name == :jemalloc) ? KEEPING : {})
  end

  # mimalloc has committed some 20 MiB that nobody has touched yet: whether these, or others' pages, became resident
  # cannot be told, so a mapping must be large beside them.
  def amount(way)
    return 20 if way == :stacks
    (way == :mapping && entry.name == :mimalloc) ? 200 : 40
  end

  # What is to be kept more and more must first be held at once: each burst is larger than all before.
  def history_step(way)
    case way
    when :burst then "burst(4 + i * 3)"
    when :stacks then "stacks(1)"
    else "#{way}(4)"
    end
  end

  def findings(told) = told[:findings].map { |finding| finding[:name] }

  def assert_verdict(verdict, code, way, share:)
    told, grown = look(code)
    assert_equal verdict.to_s, told[:growth], told.inspect
    assert_equal [verdict.to_s], findings(told) - ["memory_kept"], told.inspect
    assert_empty findings(told) & ["memory_kept"], told.inspect unless [:burst].include?(way) && verdict == :growing
    finding = told[:findings].first
    assert_match(/then/, finding[:evidence].join)
    return if UNTOLD_IN_HISTORY[entry.key]&.include?(way) || way == :burst
    # What was taken: allocators keep room beside blocks of this size.
    grown = 41 * MIB if way == :library && finding[:summary].include?("live in malloc") && share == 1
    assert_in_delta grown * share, finding[:cost], grown * share * 0.15, told.inspect
  end

  UnderEach.of(self)
end
