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

  # A Ractor's thread, and any thread with RUBY_MN_THREADS=1, is run by whichever native thread is free.
  def test_where_native_threads_are_shared_nothing_is_counted
    skip "Ruby shares native threads from 3.3 on" if Gem::Version.new(RUBY_VERSION) < Gem::Version.new("3.3")
    entry = TestAllocators["jemalloc-5.3.0"]
    skip entry.missing if entry.missing
    slept = "busy = Thread.new { 200.times { Array.new(100) { 'x' * 5_000 } } }; m = AllocStats.measure { sleep 0.1 }; busy.join; [m.given, m.reason, AllocStats.thread_bytes]"
    given, reason, bytes = ChildProcess.ruby(slept, allocator: entry, env: {"RUBY_MN_THREADS" => "1"}).value
    assert_nil given
    assert_nil bytes
    assert_match(/more than one of its threads on this native thread/, reason)

    ractor = "r = Ractor.new { m = AllocStats.measure { 'x' * 100_000 }; [m.given, m.reason, AllocStats.thread_bytes] }; r.respond_to?(:value) ? r.value : r.take"
    assert_equal [nil, reason, nil], ChildProcess.ruby(ractor, allocator: entry, options: ["-W:no-experimental"]).value
    alone = ChildProcess.ruby("Ractor.new { 1 }; AllocStats.measure { 'x' * 100_000 }.given", allocator: entry, options: ["-W:no-experimental"]).value
    assert_operator alone, :>, 100_000, "the main Ractor's threads have native threads of their own"
  end
end
