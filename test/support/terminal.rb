# frozen_string_literal: true

require "io/console"
require "pty"
require "support/child_process"

# A command in a real pseudo-terminal, whose other end the test holds:
#
#   Terminal.run(RbConfig.ruby, "exe/allocstats", "top") do |terminal|
#     terminal.wait_for(/RSS/)
#     terminal.type("q")
#   end.status.exitstatus
#
# A command that does not say what it is waited for, or does not end, is killed and is a failure of the test.
class Terminal
  class Failed < StandardError; end

  SECONDS = 30

  # [Process::Status] after it has ended.
  attr_reader :status
  attr_reader :pid

  def self.run(*command, env: {}, size: [24, 120], &block)
    new(command, env, size).run(&block)
  end

  def initialize(command, env, size)
    @command = command
    @env = {"TERM" => "xterm", "NO_COLOR" => nil}.merge(env)
    @size = size
    @screen = +""
    @seen = 0
  end

  def run
    PTY.open do |master, slave|
      @master = master
      @slave = slave
      slave.winsize = @size
      @mode = mode
      # It is the terminal of a session of its own, so that control and C is a signal to it.
      @pid = Process.spawn(@env, "setsid", "--ctty", *@command, in: slave, out: slave, err: slave)
      yield self
      wait
    end
    self
  ensure
    end_at_once
  end

  # All that was written so far.
  def written
    loop { @screen << @master.read_nonblock(65_536) }
  rescue IO::WaitReadable, Errno::EIO, IOError # nothing more yet, or never
    @screen
  end

  # Waits until what was written since the last time matches.
  def wait_for(pattern)
    deadline = now + SECONDS
    until (found = written.match(pattern, @seen))
      raise Failed, "#{pattern.inspect} was not written: #{written[@seen..].inspect}" if now > deadline
      sleep 0.02
    end
    @seen = found.end(0)
    found
  end

  # What is written from here on is what the next wait_for looks at.
  def skip_to_now = @seen = written.size

  def type(keys) = @master.write(keys)

  def signal(name) = Process.kill(name, @pid)

  def resize(lines, columns)
    @master.winsize = [lines, columns]
    signal(:WINCH)
  end

  # The settings of the terminal, as text; they stay as they were left when the command has ended.
  def mode = IO.popen(["stty", "-g"], in: @slave, &:read)

  # Whether they are as they were before the command.
  def restored? = mode == @mode

  def wait
    return self if @status
    deadline = now + SECONDS
    until Process.wait(@pid, Process::WNOHANG)
      raise Failed, "the command did not end: #{written[-2000..]}" if now > deadline
      written # a full terminal would make it wait
      sleep 0.02
    end
    @status = $?
    written
    self
  end

  private

  def end_at_once
    return if @status || @pid.nil?
    Process.kill(:KILL, @pid)
    Process.wait(@pid)
  rescue Errno::ESRCH, Errno::ECHILD
    nil
  end

  def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
end
