# frozen_string_literal: true

require "tempfile"

# A real server in a process of its own, on a port of its own, for as long as a block runs: it is gone when the block has
# ended, whatever happened in it. What is one says how it is started and what its log says of the port:
#
#   class EchoServer < ServerProcess
#     def initialize = super("socat", "TCP-LISTEN:0,fork", "EXEC:cat", "-ddd")
#     def listening_port = log[/listening on .*:(\d+)/, 1]
#   end
#   EchoServer.new.run { |server| server.port }
class ServerProcess
  class Failed < StandardError; end

  SECONDS_TO_BOOT = 60

  attr_reader :pid, :port

  # folder:: in which it runs
  # env::    variables on top; a value of nil takes one away
  def initialize(*command, folder: Dir.pwd, env: {})
    @command = command
    @folder = folder
    @env = env
    @log = Tempfile.new("allocstats-server-log")
  end

  def run
    start
    yield self
  ensure
    stop
    @log.close!
  end

  # What it has printed so far.
  def log = File.read(@log.path, encoding: Encoding::UTF_8)

  # The pids of those that it has forked, in the order in which it did.
  def children = File.read("/proc/#{pid}/task/#{pid}/children").split.map(&:to_i)

  private

  # The port that its log speaks of, as soon as it is ready to answer there; nil until then.
  def listening_port = raise(NotImplementedError)

  # A group of its own, so that what it has started can be ended with it.
  def start
    @pid = Process.spawn(@env, *@command, in: File::NULL, out: @log.path, err: @log.path, pgroup: true, chdir: @folder)
    deadline = now + SECONDS_TO_BOOT
    until (@port = listening_port&.to_i)
      raise Failed, "#{self.class} ended before it listened:\n#{log}" if ended?
      raise Failed, "#{self.class} did not listen within #{SECONDS_TO_BOOT} s:\n#{log}" if now > deadline

      sleep 0.05
    end
  end

  # At once: what need not be put away in order.
  def stop
    Process.kill(:KILL, -@pid) if @pid
    Process.wait(@pid) unless @pid.nil? || ended?
  rescue Errno::ESRCH, Errno::ECHILD
    # All of it has ended by itself.
  end

  def ended?
    @ended ||= !Process.wait(@pid, Process::WNOHANG).nil?
  end

  def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
end
