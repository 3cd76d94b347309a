# frozen_string_literal: true

require "test_helper"
require "io/wait"

class SharedValueTest < Minitest::Test
  def shared(seconds: 60, &take) = AllocStats::SharedValue.new(seconds: seconds, &take)

  def test_a_burst_costs_one_reading
    taken = 0
    reading = shared do
      sleep 0.05
      taken += 1
    end
    values = Array.new(100) { Thread.new { reading.value } }.map(&:value)

    assert_equal [1], values.uniq
    assert_equal 1, taken
  end

  def test_is_taken_anew_when_its_time_is_over
    taken = 0
    reading = shared(seconds: 0.05) { taken += 1 }

    assert_equal [1, 1], [reading.value, reading.value]
    sleep 0.06
    assert_equal 2, reading.value
  end

  def test_its_time_begins_when_the_reading_is_done
    reading = shared(seconds: 0.2) do
      sleep 0.3
      Object.new
    end

    assert_same reading.value, reading.value
  end

  def test_what_is_forgotten_is_taken_anew
    taken = 0
    reading = shared { taken += 1 }

    assert_equal [1, 1], [reading.value, reading.value]
    reading.forget
    assert_equal [2, 2], [reading.value, reading.value]
  end

  def test_the_next_caller_tries_again_after_a_failure
    taken = 0
    reading = shared { ((taken += 1) == 1) ? raise("first") : taken }

    assert_equal "first", assert_raises(RuntimeError) { reading.value }.message
    assert_equal 2, reading.value
  end

  # A reading under way in another thread, until the block of the test ends.
  def slow(**options)
    begun, go = Queue.new, Queue.new
    reading = AllocStats::SharedValue.new(seconds: 60, **options) do
      begun << true
      go.pop
    end
    thread = Thread.new { reading.value }
    begun.pop
    yield reading, thread, go
  ensure
    2.times { go << :late }
    thread.join
  end

  def test_who_waits_waits_by_a_clock
    slow(patience: 0.2) do |reading, thread, go|
      started = AllocStats::Clock.now
      errors = Array.new(5) { Thread.new { assert_raises(AllocStats::SharedValue::Busy) { reading.value } } }.map(&:value)

      assert_in_delta 0.2, AllocStats::Clock.now - started, 0.2
      assert_match(/takes long; ask again/, errors.first.message)
      go << :taken
      assert_equal [:taken, :taken], [thread.value, reading.value]
    end
  end

  def test_to_forget_waits_for_no_reading_and_one_that_began_before_serves_nobody_else
    slow do |reading, thread, go|
      AllocStats::Clock.now.then do |started|
        reading.forget
        assert_operator AllocStats::Clock.now - started, :<, 0.5
      end
      go << :before
      go << :after
      assert_equal [:before, :after], [thread.value, reading.value]
    end
  end

  def test_interruptions_leave_it_usable
    300.times do |i|
      reading = shared { sleep 0.0003 }
      thread = Thread.new { reading.value }
      thread.report_on_exception = false
      sleep i * 0.000_003
      i.even? ? thread.kill : thread.raise(Interrupt)
      begin
        thread.join
      rescue Interrupt
        nil
      end
      assert reading.value
    end
  end

  def test_a_child_takes_its_own_even_if_a_thread_was_reading_at_the_fork
    reading = shared { Process.pid }
    reading.value
    started = Queue.new
    parent = Process.pid
    slow = shared do
      started << true
      sleep 1 if Process.pid == parent
      Process.pid
    end
    thread = Thread.new { slow.value }
    started.pop

    output, input = IO.pipe
    child = fork do
      input.puts reading.value
      input.puts slow.value
      input.close
      exit!(0)
    end
    input.close

    assert output.wait_readable(10), "the child hangs"
    assert_equal [child, child], output.read.split.map(&:to_i)
    assert_equal Process.pid, reading.value
  ensure
    Process.wait(child) if child
    thread&.join
  end
end
