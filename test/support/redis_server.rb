# frozen_string_literal: true

require "socket"
require "support/server_process"
require "tmpdir"

# A real redis-server, which keeps nothing:
#
#   RedisServer.run { |url| ... }
class RedisServer < ServerProcess
  # Why there is none here, for `skip`; nil where there is.
  def self.missing
    "redis-server is not on this machine" unless ENV["PATH"].split(":").any? { |folder| File.executable?("#{folder}/redis-server") }
  end

  def self.run
    Dir.mktmpdir("allocstats-redis") do |folder|
      new(folder).run { |server| yield "redis://127.0.0.1:#{server.port}/0" }
    end
  end

  def initialize(folder)
    @wanted_port = TCPServer.open("127.0.0.1", 0) { |socket| socket.addr[1] }
    super("redis-server", "--port", @wanted_port.to_s, "--bind", "127.0.0.1", "--save", "", "--dir", folder, folder: folder)
  end

  private

  def listening_port = (@wanted_port if log.include?("Ready to accept connections"))
end
