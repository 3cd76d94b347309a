# frozen_string_literal: true

require "test_helper"
require "allocstats/command"

class CommandPidTest < Minitest::Test
  Command = AllocStats::Command

  def test_a_process_by_its_number
    assert_equal Process.pid, Command::Pid.process(Process.pid.to_s).pid
  end

  def test_what_is_no_number_of_a_process
    ["", "0", "-1", "+1", "007", "1.5", "x", "self", "1\n", " 1", "1" * 11].each do |text|
      failure = assert_raises(Command::Failure) { Command::Pid.process(text) }
      assert_equal ["#{text.inspect} is no process's number", Command::USAGE], [failure.message, failure.status]
    end
  end

  def test_what_is_not_there_and_what_may_not_be_looked_at
    failure = assert_raises(Command::Failure) { Command::Pid.process("4194305") } # more than the kernel ever gives
    assert_equal ["there is no process 4194305", Command::NOT_FOUND], [failure.message, failure.status]
    failure = assert_raises(Command::Failure) { Command::Pid.looking { raise AllocStats::OtherProcess::NotPermitted, "not for you" } }
    assert_equal ["not for you", Command::NOT_PERMITTED], [failure.message, failure.status]
  end

  def test_the_rest_passes
    assert_equal 1, Command::Pid.looking { 1 }
    assert_raises(AllocStats::Unsupported) { Command::Pid.looking { raise AllocStats::Unsupported } }
  end
end
