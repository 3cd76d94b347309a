# frozen_string_literal: true

require "test_helper"
require "io/wait"

class SharedReadingTest < Minitest::Test
  def shared(seconds: 60, &take) = AllocStats::SharedReading.new(seconds: seconds, &take)

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
