# frozen_string_literal: true

require "test_helper"
require "support/under_each"

module MiStatsTests
  LEVEL = %i[current peak total].freeze

  def stats(code = "nil", **options)
    child("#{code}\nAllocStats.mi_stats", **options)
  end

  def test_the_keys_are_the_same_on_every_version
    stats = stats()
    assert_empty AllocStats::Allocators::Mimalloc::Stats::NONE.keys - stats.keys
    assert_equal self.class::ENTRY.version, stats[:version]
    AllocStats::Allocators::Mimalloc::Stats::LEVELS.each { |key| assert_equal LEVEL, stats[key].keys, key if stats[key] }
    AllocStats::Allocators::Mimalloc::Stats::COUNTERS.each { |key| assert_kind_of Integer, stats[key], key if stats[key] }
    assert_equal stats[:source] == "text", stats[:rounded]
  end

  def test_levels_are_in_order
    stats = stats('blocks = Array.new(20_000) { "x" * rand(5000) }; blocks.clear; GC.start')
    AllocStats::Allocators::Mimalloc::Stats::LEVELS.filter_map { |key| [key, stats[key]] if stats[key] }.each do |key, level|
      assert_operator level[:current], :>=, 0, key
      assert_operator level[:current], :<=, level[:total], key
      assert_operator level[:peak], :<=, level[:total], key
    end
    assert_operator stats[:reserved][:current], :>=, stats[:committed][:current]
  end

  def test_committed_bytes_are_those_of_the_process
    more = stats('GC.disable; $kept = "x" * 300_000_000')
    less = stats
    assert_operator more[:committed][:current] - less[:committed][:current], :>, 250_000_000 unless whole_arenas?(less)
    tenth = more[:rounded] ? (1 << 30) / 10 : 0
    assert_in_delta more[:process][:committed], more[:committed][:current], tenth + 2_000_000
  end

  def test_threads_are_counted
    alone = stats[:threads]
    many = stats("$threads = Array.new(3) { Thread.new { Thread.stop } }; sleep 0.1")[:threads]
    assert_equal 3, many[:current] - alone[:current]
  end

  def test_size_classes_hold_what_is_in_use
    stats = stats('$kept = Array.new(3000) { "x" * 900 }')
    return assert_nil stats[:malloc_normal] if stats[:bins].empty?
    bin = stats[:bins].select { |row| row[:size] >= 901 }.min_by { |row| row[:size] }
    assert_operator bin[:current], :>=, 2500 # counts lag behind
    assert_operator bin[:size], :<=, 1024
    stats[:bins].each { |row| assert_operator row[:current], :<=, row[:total], row }
  end

  def test_the_process_has_figures
    info = stats("$burnt = Array.new(300_000) { |i| i.to_s }")[:process]
    assert_equal %i[elapsed_ms user_ms system_ms peak_rss committed peak_committed page_faults], info.keys
    assert_operator info[:peak_rss], :>, 10_000_000
    assert_operator info[:elapsed_ms], :>, 0
    assert_operator info[:user_ms], :>, 0
    assert_operator info[:peak_committed], :>=, info[:committed]
  end

  def test_a_census_has_the_same_numbers
    stats, census = child("[AllocStats.mi_stats, AllocStats.census.to_h]")
    assert_equal stats[:reserved][:current], census[:details][:reserved]
    assert_equal stats[:committed][:current], census[:figures][:committed] if census[:figures][:committed]
  end

  # 2.x commits its first arena as a whole
  def whole_arenas?(stats)
    stats[:committed][:total] == stats[:reserved][:total]
  end

  UnderEach.of(self, :mimalloc)
end

# What builds and versions print that are not among TestAllocators.
class MiStatsTextTest < Minitest::Test
  # mimalloc 2.0.9, built with MI_STAT=2
  TEXT = <<~END
    heap stats:    peak      total      freed    current       unit      count   
    normal   1:   14.0 KiB   19.2 KiB    6.3 KiB   12.9 KiB      8 B      2.4 K    not all freed!
    normal   9:   50.0 KiB  203.8 KiB  167.2 KiB   36.5 KiB     80 B      2.5 K    not all freed!
    normal  25:   48.9 KiB  154.3 KiB  120.4 KiB   33.8 KiB    1.2 KiB    123      not all freed!
    normal  39:   14.0 KiB   14.0 KiB   14.0 KiB      0       14.0 KiB      1      ok

    heap stats:    peak      total      freed    current       unit      count   
        normal:    5.6 Mi    21.3 Mi    15.6 Mi     5.6 Mi     283 B     79.1 K    not all freed!
         large:    1.6 Mi     1.6 Mi   257.0 Ki     1.3 Mi   556.8 KiB      3      not all freed!
          huge:   96.0 Mi    96.0 Mi       0       96.0 Mi    96.0 MiB      1      not all freed!
         total:  103.2 MiB  118.9 MiB   15.9 MiB  103.0 MiB                        not all freed!
    malloc req:  103.0 MiB  118.9 MiB   15.9 MiB  103.0 MiB                        not all freed!

      reserved:  132.0 MiB  132.0 MiB      0      132.0 MiB                        
     committed:   64.2 KiB   64.2 KiB      0       64.2 KiB                        
         reset:      0          0          0          0                            ok
       touched:  104.6 MiB  107.5 MiB    2.9 MiB  104.6 MiB                        not all freed!
      segments:      2          2          0          2                            not all freed!
    -abandoned:      0          7          7          0                            ok
       -cached:      0          0          0          0                            ok
         pages:    121        154         33        121                            not all freed!
    -abandoned:      0          3          3          0                            ok
     -extended:    1.5 Ki 
     -noretire:    101    
         mmaps:      2    
       commits:      0    
       threads:      0          0          0          0                            ok
      searches:     0.9 avg
    numa nodes:       1
       elapsed:       0.218 s
       process: user: 0.050 s, system: 0.050 s, faults: 0, rss: 113.3 MiB, commit: 132.0 MiB
  END

  def setup
    @stats = AllocStats::Allocators::Mimalloc::Stats.parse(:mimalloc_text, TEXT)
  end

  # 64 KiB is printed as 64.2 KiB: a tenth is cut to 102 bytes.
  def test_amounts_are_rounded_down_and_never_up
    assert_equal 642 * 102, @stats[:committed][:current]
    assert_includes (@stats[:committed][:current]...@stats[:committed][:current] + 102), 64 << 10
    assert_equal 1320 * ((1 << 20) / 10), @stats[:reserved][:current]
    assert_operator @stats[:reserved][:current], :<=, 132 << 20
    assert_equal 15 * 102, @stats[:pages_extended]
  end

  def test_rows_below_another_are_told_apart
    assert_equal [7, 3], [@stats[:segments_abandoned][:total], @stats[:pages_abandoned][:total]]
    assert_equal({current: 121, peak: 121, total: 154}, @stats[:pages])
  end

  def test_a_build_with_statistics_has_blocks
    assert_equal 56 * ((1 << 20) / 10), @stats[:malloc_normal][:current]
    assert_equal [8, 80, 1280, 14 << 10], @stats[:bins].map { |row| row[:size] }
    assert_equal 129 * 102 / 8 + 1, @stats[:bins].first[:current]
    assert_equal [27, 0], @stats[:bins].last(2).map { |row| row[:current] }
    assert_equal 0, @stats[:page_bins].size
  end

  def test_a_build_without_statistics_has_none
    stats = AllocStats::Allocators::Mimalloc::Stats.parse(:mimalloc_text, TEXT.gsub(/^ *(normal|large|huge|total|malloc req).*\n/, ""))
    %i[malloc_normal malloc_large malloc_huge malloc_requested page_committed pages_extended].each { |key| assert_nil stats[key], key }
    assert_empty stats[:bins]
    assert_equal 2, stats[:segments][:current]
  end

  def test_what_falls_below_zero_is_nil
    assert_nil AllocStats::Allocators::Mimalloc::Stats.parse(:mimalloc_text, TEXT.sub(/pages:.*/, "pages:      0          0         17        -17      ok"))[:pages]
  end

  def test_another_text_is_refused
    ["", "heap", "{}"].each { |text| assert_raises(AllocStats::Malformed) { AllocStats::Allocators::Mimalloc::Stats.parse(:mimalloc_text, text) } }
    TEXT.each_line.with_index { |_, count| AllocStats::Allocators::Mimalloc::Stats.parse(:mimalloc_text, TEXT.lines.first(count + 1).join) }
  end

  def test_json_of_a_version_without_block_counts
    level = {"total" => 5, "peak" => 4, "current" => 3}
    none = level.transform_values { 0 }
    json = {"version" => 1, "mimalloc_version" => 224, "process" => {}, "pages" => none.merge("current" => -3), "reserved" => level, "reset" => level,
            "malloc_normal" => none, "malloc_huge" => level, "segments" => level, "pages_reclaim_on_free" => 0, "_segments_reserved" => level,
            "malloc_bins" => [none.merge("block_size" => 8, "page_size" => 9), level.merge("block_size" => 16, "page_size" => 9)], "page_bins" => []}
    stats = AllocStats::Allocators::Mimalloc::Stats.parse(:mimalloc_json, JSON.generate(json))
    assert_equal({current: 3, peak: 4, total: 5}, stats[:reserved])
    assert_equal 5, stats[:reset]
    %i[pages malloc_normal malloc_huge pages_reclaim_on_free heaps].each { |key| assert_nil stats[key], key }
    assert_equal [{size: 16, page_size: 9, current: 3, peak: 4, total: 5}], stats[:bins]
    assert_empty(stats.keys.select { |key| key.start_with?("_") })
  end

  def test_odd_json_is_refused
    ["", "[]", "{", "3", "{}", '{"mimalloc_version": 30600, "pages": {"total": "x"}}'].each do |text|
      assert_raises(AllocStats::Malformed, text) { AllocStats::Allocators::Mimalloc::Stats.parse(:mimalloc_json, text) }
    end
  end
end
