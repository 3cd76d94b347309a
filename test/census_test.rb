# frozen_string_literal: true

require "test_helper"

class CensusTest < Minitest::Test
  HOLD = "kept = Array.new(20_000) { \"x\" * 1000 }; census = AllocStats.census"

  TestAllocators.each do |entry|
    define_method("test_under_#{entry.key}") do
      skip entry.missing if entry.missing
      census = ChildProcess.ruby("#{HOLD}; census.to_h", allocator: entry).value
      assert_equal entry.name.to_s, census[:allocator]
      assert_operator census[:seconds], :>, 0
      assert_empty census[:figures].keys - AllocStats.figures.keys
      next if %w[2.0.9 3.0.1].include?(entry.version) # their statistics are text, and rounded
      assert_operator census[:figures][:allocated], :>, 20_000_000
      assert_operator census[:figures][:allocated], :<, 60_000_000
    end
  end

  def test_glibc_arenas_sum_to_the_whole
    figures, arenas, details = ChildProcess.ruby(<<~RUBY).value
      Array.new(3) { Thread.new { @kept = (@kept || []) << Array.new(5_000) { "y" * 500 } } }.each(&:join)
      census = AllocStats.census
      [census.figures, census.arenas, census.details]
    RUBY
    assert_operator arenas.size, :>, 1
    assert_equal arenas.size, figures[:arenas]
    assert_equal figures[:allocated], arenas.sum { |arena| arena[:allocated] } + details[:large_bytes]
    assert_equal figures[:mapped], arenas.sum { |arena| arena[:mapped] } + details[:large_bytes]
    arenas.each { |arena| assert_equal arena[:mapped], arena[:allocated] + arena[:free] }
  end

  def test_a_census_runs_beside_other_threads
    ticks = ChildProcess.ruby(<<~RUBY, timeout: 120).value
      kept = Array.new(400_000) { |i| "x" * (30 + i % 900) }
      kept.each_with_index { |string, i| string.clear if i.odd? }
      ticks = 0
      ticker = Thread.new { loop { ticks += 1; sleep 0.001 } }
      seconds = AllocStats.census.seconds
      during = ticks
      [seconds, during]
    RUBY
    skip "the census was over too soon to tell" if ticks[0] < 0.01
    assert_operator ticks[1], :>=, 3
  end

  def test_garbage_is_an_error_of_ours
    owners = {malloc_info: :glibc, jemalloc_json: :jemalloc, mimalloc_json: :mimalloc, mimalloc_text: :mimalloc, tcmalloc_stats: :tcmalloc}
    {
      malloc_info: ["", "<malloc>", "<heap nr=\"0\"></heap>"],
      jemalloc_json: ["", "{", "{}", "[1]", "null", "{\"jemalloc\":{}}", "{\"jemalloc\":{\"arenas\":{\"page\":4096}}}"],
      mimalloc_json: ["", "[]", "12", "{\"malloc_bins\": 3}"],
      mimalloc_text: ["", "nonsense"],
      tcmalloc_stats: ["", "MALLOC:"]
    }.each do |format, texts|
      texts.each do |text|
        error = assert_raises(AllocStats::Error, "#{format} #{text.inspect}") { AllocStats::Census.parse(format, text, allocator: owners.fetch(format), seconds: 0.1) }
        assert_match(/does not understand/, error.message)
      end
    end
  end

  def test_cut_accounts_never_do_anything_else
    TestAllocators.each do |entry|
      next if entry.missing
      format, text, = ChildProcess.ruby("AllocStats::Allocators.stats_dump", allocator: entry).value
      (0..text.size).step([text.size / 60, 1].max) do |length|
        AllocStats::Census.parse(format.to_sym, text[0, length], allocator: entry.name, seconds: 0.1)
      rescue AllocStats::Error
        # cut is cut
      end
    end
  end

  def test_unknown_figures_and_missing_ones
    census = AllocStats.census
    assert_nil census[:dirty]
    assert_raises(AllocStats::UnknownName) { census[:nonsense] }
  end
end
