# frozen_string_literal: true

require "socket"
require "tmpdir"

# A real redis-server on a port of its own, which keeps nothing:
#
#   RedisServer.run { |url| ... }
module RedisServer
  SECONDS = 20

  module_function

  # Why there is none here, for `skip`; nil where there is.
  def missing
    "redis-server is not on this machine" unless ENV["PATH"].split(":").any? { |folder| File.executable?("#{folder}/redis-server") }
  end

  def run
    Dir.mktmpdir("allocstats-redis") do |folder|
      port = TCPServer.open("127.0.0.1", 0) { |server| server.addr[1] }
      pid = Process.spawn("redis-server", "--port", port.to_s, "--bind", "127.0.0.1", "--save", "", "--dir", folder, in: File::NULL, out: "#{folder}/log", err: "#{folder}/log")
      await(port, "#{folder}/log")
      yield "redis://127.0.0.1:#{port}/0"
    ensure
      Process.kill(:KILL, pid) if pid
      Process.wait(pid) if pid
    end
  end

  def await(port, log)
    deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + SECONDS
    begin
      TCPSocket.open("127.0.0.1", port) { |socket| socket.write("PING\r\n") && socket.gets }
    rescue SystemCallError
      raise "redis-server did not listen: #{File.read(log)}" if Process.clock_gettime(Process::CLOCK_MONOTONIC) > deadline
      sleep 0.05
      retry
    end
  end
  private_class_method :await
end
