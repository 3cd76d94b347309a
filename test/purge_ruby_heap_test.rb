# frozen_string_literal: true

require "test_helper"

# What becomes of the pages of Ruby's own heap when all that was in them is garbage.
class PurgeRubyHeapTest < Minitest::Test
  GARBAGE = <<~RUBY
    Fiber.new { Array.new(1_200_000) { Object.new }.clear }.resume
    Fiber.new { Array.new(60_000) { |i| "x" * 400 }.clear }.resume # embedded in slots from 3.3 on
  RUBY
  PAGES = "GC.stat(:heap_allocated_pages)"
  AGAIN = "GC.start again, while it gives pages back"

  def answer(code, **options) = ChildProcess.ruby(code, timeout: 120, **options).value

  def steps(purge) = purge[:steps].map { |step| step[:name] }

  # Up to 3.4 one collection gives back a part of what is free.
  def test_it_collects_as_long_as_that_gives_pages_back
    skip "this Ruby keeps emptied pages aside" if AllocStats::Purge::RubyHeap::COUNTED && RUBY_VERSION >= "4.0"
    full, once = answer("#{GARBAGE} full = #{PAGES}; GC.start; [full, #{PAGES}]")
    left, purge = answer("#{GARBAGE} purge = AllocStats.purge(gc: true).to_h; [#{PAGES}, purge]")
    assert_operator once, :<, full
    assert_operator left, :<, once * 0.8
    assert_equal ["GC.start", AGAIN], steps(purge).first(2)
  end

  def test_one_collection_is_enough_where_nothing_is_to_be_had
    count, purge = answer("live = Array.new(200_000) { Object.new }; 3.times { GC.start }; count = GC.count; purge = AllocStats.purge(gc: true).to_h; [GC.count - count, purge]")
    assert_operator count, :<=, 2
    refute_includes steps(purge), AGAIN
  end

  def test_emptied_pages_are_told_and_given_back_by_compaction
    skip "this Ruby keeps no emptied pages aside" unless AllocStats::Purge::RubyHeap::COUNTED && RUBY_VERSION >= "4.0"
    kept, told, left, compacted = answer(<<~RUBY)
      #{GARBAGE}
      told = AllocStats.purge(gc: true).to_h
      kept = AllocStats::Purge::RubyHeap.emptied
      compacted = AllocStats.purge(compact: true).to_h
      [kept, told, AllocStats::Purge::RubyHeap.emptied, compacted]
    RUBY
    assert_operator kept, :>, 32 * 1024 * 1024
    assert_match(/Ruby keeps \d+\.\d MiB of emptied pages of its heap, .*\(compact: true\)/, told[:reason])
    assert_operator left, :<, AllocStats::Purge::RubyHeap::MUCH
    assert_includes steps(compacted), "Process.warmup"
    assert_operator compacted[:released], :>, kept * 0.8
    refute_match(/emptied/, compacted[:reason].to_s)
  end

  def test_a_small_heap_is_not_warmed_up
    assert_equal ["GC.start", "GC.compact"], steps(answer("3.times { GC.start; GC.compact }; AllocStats.purge(compact: true).to_h")).grep(/GC|Process/) - [AGAIN]
  end
end
