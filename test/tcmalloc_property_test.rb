# frozen_string_literal: true

require "test_helper"

class TcmallocPropertyTest < Minitest::Test
  ENTRY = TestAllocators["tcmalloc"]

  def answer(code, **options)
    skip ENTRY.missing if ENTRY.missing
    ChildProcess.ruby(code, allocator: ENTRY, **options).value
  end

  def error_of(call)
    answer("begin; AllocStats.#{call}; rescue AllocStats::Error => error; [error.class.name.delete_prefix('AllocStats::'), error.message]; end")
  end

  def test_every_property_that_the_library_knows_is_there
    properties, documented = answer("[AllocStats.tcmalloc_properties, AllocStats::Allocators::Tcmalloc::Property::KNOWN.keys]")
    assert_operator properties.size, :>=, 12
    assert_empty properties.keys.map(&:to_s) - documented
    assert_operator properties[:"generic.current_allocated_bytes"], :>, 1_000_000
    assert_operator properties[:"generic.heap_size"], :>=, properties[:"generic.current_allocated_bytes"]
  end

  def test_a_property_follows_what_happens
    before, after = answer('read = -> { AllocStats.tcmalloc_property("generic.current_allocated_bytes") }; before = read.call; kept = "x" * 50_000_000; [before, read.call]')
    assert_operator after - before, :>, 49_000_000
  end

  def test_a_property_is_set_and_read_back
    assert_equal [8 << 20, [0, 1]], answer(<<~RUBY)
      AllocStats.tcmalloc_property("tcmalloc.max_total_thread_cache_bytes", 8 << 20)
      [AllocStats.tcmalloc_property("tcmalloc.max_total_thread_cache_bytes"),
        [AllocStats.tcmalloc_property(:"tcmalloc.aggressive_memory_decommit", true), AllocStats.tcmalloc_property("tcmalloc.aggressive_memory_decommit")]]
    RUBY
  end

  def test_bad_input_is_refused
    {
      'tcmalloc_property("tcmalloc.slack_bites")' => ["UnknownName", /did you mean tcmalloc.slack_bytes\?/],
      "tcmalloc_property(nil)" => ["UnknownName", /is a Symbol or a String/],
      'tcmalloc_property("tcmalloc.slack_bytes", 1)' => ["ReadOnly", /can be read and not written/],
      'tcmalloc_property("tcmalloc.max_total_thread_cache_bytes", 1)' => ["InvalidValue", /from 524288 to 1073741824 \(bytes\), not 1/],
      'tcmalloc_property("tcmalloc.aggressive_memory_decommit", 2)' => ["InvalidValue", /takes true or false, not 2/],
      'tcmalloc_property("tcmalloc.heap_limit_mb", 1)' => ["Refused", /can make malloc fail/],
      "tcmalloc_release_rate(-1)" => ["InvalidValue", /from 0.0 to 1000.0/],
      "tcmalloc_release_rate(Float::NAN)" => ["InvalidValue", /not NaN/],
      'tcmalloc_release_rate("1")' => ["InvalidValue", /not "1"/]
    }.each do |call, (kind, message)|
      error = error_of(call)
      assert_equal kind, error.first, call
      assert_match message, error.last
    end
  end

  def test_what_a_version_has_not_is_unsupported
    name = "tcmalloc.min_per_thread_cache_bytes"
    skip "this tcmalloc has #{name}" if answer("AllocStats.tcmalloc_properties.key?(#{name.inspect})")
    assert_equal ["Unsupported", "tcmalloc #{ENTRY.version} has no property #{name}"], error_of("tcmalloc_property(#{name.inspect})")
  end

  # The environment sets it by name: that the same comes back proves that it is the rate that is read.
  def test_the_release_rate_is_the_one_of_the_environment
    assert_in_delta 3.5, answer("AllocStats.tcmalloc_release_rate", env: {"TCMALLOC_RELEASE_RATE" => "3.5"})
  end

  def test_the_release_rate_is_set
    assert_equal [1.0, 10.0, 10.0, 0.0], answer("[AllocStats.tcmalloc_release_rate(10), AllocStats.tcmalloc_release_rate, AllocStats.tcmalloc_release_rate(0.0), AllocStats.tcmalloc_release_rate]")
  end

  # At a rate of 0 nothing goes back by itself; at a high one most of it does.
  def test_the_release_rate_is_what_tcmalloc_acts_on
    unmapped = [0, 1000].map { |rate|
      answer("AllocStats.tcmalloc_release_rate(#{rate}); 200.times { 'x' * 20_000_000 }; GC.start; AllocStats.tcmalloc_property('tcmalloc.pageheap_scavenge_count')")
    }
    assert_equal 0, unmapped[0]
    assert_operator unmapped[1], :>, 0
  end

  def test_free_memory_is_released
    released, left, unmapped = answer(<<~RUBY)
      blocks = Array.new(50_000) { "x" * 2000 }
      blocks.each(&:clear)
      released = AllocStats.tcmalloc_release_free_memory
      [released, AllocStats.tcmalloc_property("tcmalloc.pageheap_free_bytes"), AllocStats.tcmalloc_property("tcmalloc.pageheap_unmapped_bytes")]
    RUBY
    assert_operator released, :>, 50_000_000
    assert_in_delta released, unmapped, 2_000_000 # it takes some back at once
    assert_operator left, :<, 5_000_000
  end
end
