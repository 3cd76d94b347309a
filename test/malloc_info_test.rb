# frozen_string_literal: true

require "test_helper"
require "minitest/mock"

class MallocInfoTest < Minitest::Test
  HOLES = <<~RUBY
    GC.disable
    blocks = Array.new(60_000) { |i| "x" * (100 + i % 3000) }
    blocks.each_with_index { |block, i| block.clear if i % 3 > 0 }
    threads = Array.new(3) { Thread.new { kept = Array.new(2000) { "y" * 500 }; sleep } }
    sleep 0.2
  RUBY

  def answer(code, **options) = ChildProcess.ruby(code, **options).value

  def test_arenas_sum_up
    info = answer("#{HOLES} AllocStats.malloc_info")
    assert_equal info[:arena_count], info[:arenas].size
    assert_operator info[:arena_count], :>, 1
    %i[system in_use free free_chunks].each { |key| assert_equal info[key], info[:arenas].sum { |arena| arena[key] }, key }
    assert_operator info[:seconds], :>, 0
    info[:arenas].each_with_index do |arena, index|
      assert_equal index, arena[:index]
      assert_equal arena[:system], arena[:in_use] + arena[:free]
      kinds = arena.values_at(:fast, :rest).compact # from 2.43 on there are no fast ones
      assert_includes [1, 2], kinds.size
      assert_equal arena[:free], kinds.sum { |kind| kind[:bytes] }
      assert_equal arena[:free_chunks], kinds.sum { |kind| kind[:count] }
      assert_operator arena[:system_peak], :>=, arena[:system]
      assert_equal index.zero?, arena[:subheaps].nil?
    end
  end

  # Both walk the same lists, one by one, so what Ruby takes in between is all that differs.
  def test_the_sums_are_those_of_mallinfo2
    before, info, after = answer(<<~RUBY)
      #{HOLES}
      before = AllocStats.mallinfo2
      text = AllocStats::Allocators.stats_dump[1]
      after = AllocStats.mallinfo2
      [before, AllocStats::Allocators::Glibc::MallocInfo.parse(text), after]
    RUBY
    assert_equal before[:arena], info[:system]
    slack = 100_000 + (before[:fordblks] - after[:fordblks]).abs
    assert_in_delta before[:fordblks], info[:free], slack
    assert_operator info[:free], :>, 20_000_000
    assert_equal before[:hblks], info[:mapped_blocks][:count]
    assert_equal before[:hblkhd], info[:mapped_blocks][:bytes]
  end

  def test_sizes_are_sizes_of_chunks
    arena = answer("#{HOLES} AllocStats.malloc_info")[:arenas].first
    rows = arena[:sizes].reject { |row| row[:to] <= 128 } + [arena[:unsorted]].compact
    assert_operator rows.size, :>, 10
    rows.each do |row|
      assert_equal 0, row[:from] % 16, row
      assert_operator row[:bytes], :>=, row[:from] * row[:count]
      assert_operator row[:bytes], :<=, row[:to] * row[:count]
    end
  end

  def test_mallinfo2_has_what_the_manual_says
    info, larger = answer("info = AllocStats.mallinfo2; block = 'x' * 10_000_000; [info, AllocStats.mallinfo2]")
    assert_equal %i[arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost seconds], info.keys
    assert_nil info[:usmblks]
    assert_equal info[:arena], info[:uordblks] + info[:fordblks]
    assert_equal info[:hblks] + 1, larger[:hblks]
    assert_in_delta info[:hblkhd] + 10_000_000, larger[:hblkhd], 8192
    assert_operator info[:seconds], :>, 0
  end

  # With the GVL kept, a thread that never sleeps would get its turn every 100 ms alone.
  def test_other_threads_run_meanwhile
    ticks, seconds = answer(<<~RUBY)
      #{HOLES}
      ticks = 0
      ticker = Thread.new { loop { ticks += 1 } }
      ticks_meanwhile = 0
      seconds = Array.new(50) { before = ticks; info = AllocStats.mallinfo2; ticks_meanwhile += ticks - before; info[:seconds] }
      [ticks_meanwhile, seconds.sum]
    RUBY
    assert_operator ticks, :>, 1000, "in #{seconds} s"
  end

  # glibc 2.43 has no fastbins, and says nothing of them.
  WITHOUT_FAST = <<~XML
    <malloc version="1">
    <heap nr="0">
    <sizes>
    </sizes>
    <total type="rest" count="1" size="131937"/>
    <system type="current" size="675840"/>
    <system type="max" size="675840"/>
    <aspace type="total" size="675840"/>
    <aspace type="mprotect" size="675840"/>
    </heap>
    <heap nr="1">
    <sizes>
      <unsorted from="1057" to="3617" total="3368942" count="1566"/>
    </sizes>
    <total type="rest" count="1567" size="3372974"/>
    <system type="current" size="7467008"/>
    <system type="max" size="7467008"/>
    <aspace type="total" size="7467008"/>
    <aspace type="mprotect" size="7467008"/>
    <aspace type="subheaps" size="1"/>
    </heap>
    <total type="rest" count="1568" size="3504911"/>
    <total type="mmap" count="1" size="1052672"/>
    <system type="current" size="8142848"/>
    </malloc>
  XML

  def test_a_glibc_without_fastbins
    info = AllocStats::Allocators::Glibc::MallocInfo.parse(WITHOUT_FAST)
    assert_equal [nil, nil], info[:arenas].map { |arena| arena[:fast] }
    assert_equal 131_937 + 3_372_974 - 1566, info[:free]
    assert_equal 8_142_848 - info[:free], info[:in_use]
    assert_equal 1568, info[:free_chunks]
    census = AllocStats::Census.parse(:malloc_info, WITHOUT_FAST, allocator: :glibc, seconds: 0.1)
    assert_equal info[:in_use] + 1_052_672, census.allocated
    assert_equal [:index, :mapped, :allocated, :free, :subheaps], census.arenas.last.keys
  end

  # A line that is not there makes nil of what it says, and of what is the sum of that.
  def test_what_the_text_does_not_say_is_nil
    gone = {
      /<total type="rest" count="1" .*/ => %i[in_use free free_chunks],
      /<system type="current" size="675840".*/ => %i[system in_use],
      /<total type="mmap".*/ => [],
      /<aspace type="total".*/ => []
    }
    gone.each do |line, absent|
      info = AllocStats::Allocators::Glibc::MallocInfo.parse(WITHOUT_FAST.sub(line, ""))
      assert_equal absent, info.select { |_, value| value.nil? }.keys, line
      assert_equal 2, info[:arena_count]
    end
    assert_equal({count: nil, bytes: nil}, AllocStats::Allocators::Glibc::MallocInfo.parse(WITHOUT_FAST.sub(/<total type="mmap".*/, ""))[:mapped_blocks])
    census = AllocStats::Census.parse(:malloc_info, WITHOUT_FAST.sub(/<total type="mmap".*/, ""), allocator: :glibc, seconds: 0.1)
    assert_nil census.allocated
    assert_equal 2, census.figures[:arenas]
  end

  def test_more_free_than_there_is_is_no_figure
    info = AllocStats::Allocators::Glibc::MallocInfo.parse(WITHOUT_FAST.sub('count="1" size="131937"', 'count="1" size="1319370000"'))
    assert_nil info[:in_use]
    assert_equal 8_142_848, info[:system]
  end

  def test_a_text_that_cannot_be_understood_is_an_error_of_ours
    AllocStats::Allocators.stub(:stats_dump, [:malloc_info, "<malloc/>", 0.1]) do
      message = assert_raises(AllocStats::Malformed) { AllocStats.malloc_info }.message
      assert_match(/\Aglibc gave a stats dump that allocstats does not understand \(malloc_info: it has no arenas\)/, message)
      assert_raises(AllocStats::Malformed) { AllocStats.census }
    end
  end

  # The ledger has all else that it had, and says why this is missing.
  def test_a_ledger_without_a_census_that_can_be_understood
    skip "valgrind's malloc is in glibc's place" if ENV["RUBY_MEMCHECK_RUNNING"]
    AllocStats::Allocators.stub(:stats_dump, [:malloc_info, "<malloc/>", 0.1]) do
      ledger = AllocStats.ledger(census: true)
      assert_nil ledger[:malloc_live]
      assert_operator ledger[:malloc], :>, 0
      assert_match(/does not understand/, ledger.reasons[:malloc_live])
    end
    AllocStats::Allocators.stub(:stats_dump, [:malloc_info, WITHOUT_FAST.sub(/<total type="mmap".*/, ""), 0.1]) do
      assert_match(/does not tell live bytes/, AllocStats.ledger(census: true).reasons[:malloc_live])
    end
  end

  def test_a_text_of_another_kind_is_refused
    ["", "<malloc>", '<malloc version="1"><heap nr="0"></heap></malloc>'].each do |text|
      assert_raises(AllocStats::Malformed) { AllocStats::Allocators::Glibc::MallocInfo.parse(text) }
    end
  end
end
