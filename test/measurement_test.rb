# frozen_string_literal: true

require "test_helper"

class MeasurementTest < Minitest::Test
  TestAllocators.each do |entry|
    define_method("test_under_#{entry.key}") do
      skip entry.missing if entry.missing
      given, taken, net, reason, supported = ChildProcess.ruby(<<~RUBY, allocator: entry).value
        GC.disable
        kept = nil
        measurement = AllocStats.measure { kept = Array.new(100) { "x" * 10_000 }; 3.times { ("y" * 5_000).clear } }
        [measurement.given, measurement.taken, measurement.net, measurement.reason, AllocStats.allocator.supports?(:measure)]
      RUBY
      if entry.name == :jemalloc
        assert supported
        assert_in_delta 1_000_000 + 15_000, given, 200_000
        assert_in_delta 15_000, taken, 20_000
        assert_equal given - taken, net
        assert_nil reason
      else
        refute supported
        assert_equal [nil, nil, nil], [given, taken, net]
        assert_match(/#{entry.name} does not count bytes by thread/, reason)
      end
    end
  end

  def test_the_block_s_value_and_its_exceptions_pass_through
    assert_equal 42, AllocStats.measure { 42 }.value
    assert_raises(KeyError) { AllocStats.measure { {}.fetch(:a) } }
    assert_raises(LocalJumpError) { AllocStats.measure }
  end

  def test_other_threads_are_not_counted
    entry = TestAllocators["jemalloc-5.3.0"]
    skip entry.missing if entry.missing
    given = ChildProcess.ruby(<<~RUBY, allocator: entry).value
      go = Queue.new
      other = Thread.new { go.pop; Array.new(1000) { "x" * 10_000 }.size }
      AllocStats.measure { go << true; other.join }.given
    RUBY
    assert_operator given, :<, 1_000_000
  end
end
