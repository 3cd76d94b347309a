# frozen_string_literal: true

require "socket"

# A server on a port of its own that gives each request the same answer, to the byte; what it was asked is in `requests`.
class CannedServer
  attr_reader :requests
  attr_writer :answer

  # The bytes of an answer over HTTP.
  def self.http(body, status: "200 OK", headers: "")
    "HTTP/1.1 #{status}\r\nContent-Length: #{body.bytesize}\r\nConnection: close\r\n#{headers}\r\n#{body}"
  end

  def self.open(answer)
    server = new(answer)
    yield server
  ensure
    server&.close
  end

  def initialize(answer)
    @answer = answer
    @requests = []
    @server = TCPServer.new("127.0.0.1", 0)
    @thread = Thread.new { loop { serve(@server.accept) } }
    @thread.report_on_exception = false
  end

  def address = "127.0.0.1:#{@server.addr[1]}"

  def close
    @thread.kill
    @server.close
  end

  private

  def serve(client)
    lines = []
    while (line = client.gets&.chomp) && !line.empty?
      lines << line
    end
    @requests << lines
    client.write(@answer)
  rescue SystemCallError
    nil # the client has had enough
  ensure
    client.close
  end
end
