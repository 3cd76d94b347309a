# frozen_string_literal: true

require "test_helper"
require "support/under_each"

# What every allocator of allocators.def has to fulfil in a running process; what only its form must be is tested in C
# (test/c/allocator_test.c). Included once for each way this machine can run an allocator.
module AllocatorContract
  def test_the_bound_name_is_a_line_of_the_list
    name, known = child("[AllocStats::Allocators.bound_name, AllocStats::Allocators.known]")
    assert_equal self.class::ENTRY.name.to_s, name
    assert_includes known, name
  end

  def test_a_sample_holds_only_what_the_catalogue_promises
    name, sample, figures = child("[AllocStats::Allocators.bound_name, AllocStats.sample.to_h, AllocStats.figures.transform_values(&:to_h)]")
    assert_equal figures.keys, sample.keys
    sample.compact.each_key { |figure| assert_includes figures[figure][:allocators], name, "#{figure} was measured and is not promised" }
  end

  def test_what_the_process_measures_is_always_there
    sample = child("AllocStats.sample.to_h")
    %i[rss files virtual_size minor_faults major_faults ruby_heap_pages ruby_heap ruby_heap_live].each { |figure| assert_kind_of Integer, sample[figure], figure }
    assert_operator sample[:virtual_size], :>=, sample[:rss]
  end

  def test_no_figure_is_absurd
    sample = child("AllocStats.sample.to_h")
    assert_operator sample[:resident], :<=, sample[:rss] * 2 if sample[:resident]
    assert_operator sample[:allocated], :<=, sample[:active] if sample[:allocated] && sample[:active]
    sample.compact.each { |figure, value| assert_operator value, :<, 1 << 47, figure }
  end

  def test_live_bytes_follow_what_is_taken_and_given_back
    before, held, after = child(<<~RUBY)
      sample = AllocStats.sample
      GC.disable
      before = sample.allocated
      blocks = Array.new(50_000) { "x" * 1000 }
      held = sample.refresh.allocated
      blocks.each(&:clear)
      [before, held, sample.refresh.allocated]
    RUBY
    return refute_includes(%i[jemalloc tcmalloc], self.class::ENTRY.name) unless before
    assert_in_delta 50_000 * 1024, held - before, 6_000_000
    assert_operator held - after, :>, 40_000_000
  end

  def test_a_census_says_what_it_cost_or_that_it_cannot_be_had
    census = child("begin; AllocStats.census.to_h; rescue AllocStats::Unsupported => error; error.message; end")
    return assert_match(/not to be had from #{self.class::ENTRY.name}/, census) if census.is_a?(String)
    assert_operator census[:seconds], :>, 0
    assert_equal self.class::ENTRY.name.to_s, census[:allocator]
  end

  def test_a_census_and_a_sample_agree
    census, sample = child("census = AllocStats.census.figures; [census, AllocStats.sample.to_h]")
    (census.keys & %i[allocated active mapped resident]).each do |figure|
      next unless sample[figure]
      assert_in_delta census[figure], sample[figure], [sample[figure] * 0.3, 4_000_000].max, figure
    end
  end

  def test_threads_and_forks_can_read
    values = child(<<~RUBY)
      threads = Array.new(4) { Thread.new { sample = AllocStats.sample; 200.times { sample.refresh; "x" * 5000 }; sample.rss } }
      pids = Array.new(4) { fork { exit!(AllocStats.sample.rss > 1_000_000 ? 0 : 1) } }
      [threads.map(&:value), pids.map { |pid| Process.wait2(pid).last.exitstatus }]
    RUBY
    assert values[0].all?(&:positive?)
    assert_equal [0, 0, 0, 0], values[1]
  end

  UnderEach.of(self)
end

# Every line of the list is run by something: TestAllocators, a shim for what is unknown, the C tests with musl-gcc.
class AllocatorListTest < Minitest::Test
  ELSEWHERE = {musl: "rake c:musl", unknown: "AllocatorTest#test_an_unknown_owner_is_named_by_its_path"}.freeze

  def test_every_line_of_the_list_has_a_process_that_runs_it
    run = TestAllocators.map(&:name) | ELSEWHERE.keys
    assert_empty AllocStats::Allocators.known - run, "no test process runs under these"
  end
end
