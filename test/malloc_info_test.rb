# frozen_string_literal: true

require "test_helper"

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
      assert_equal arena[:free], arena[:fast][:bytes] + arena[:rest][:bytes]
      assert_equal arena[:free_chunks], arena[:fast][:count] + arena[:rest][:count]
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

  def test_a_text_of_another_kind_is_refused
    ["", "<malloc>", '<malloc version="1"><heap nr="0"></heap></malloc>'].each do |text|
      assert_raises(ArgumentError, KeyError, NoMethodError, TypeError) { AllocStats::Allocators::Glibc::MallocInfo.parse(text) }
    end
  end
end
