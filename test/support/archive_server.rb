# frozen_string_literal: true

require "socket"

# A small HTTP server on the loopback interface in the place of upstream:
#
#   ArchiveServer.open("/a.tar.gz" => [200, bytes], "/moved" => [302, "/a.tar.gz"]) { |server| server.url("/moved") }
#
# A path that is not given is answered with 404, and one whose answer is :silence never.
class ArchiveServer
  REASONS = {200 => "OK", 302 => "Found", 404 => "Not Found", 500 => "Internal Server Error"}.freeze

  def self.open(answers)
    server = new(answers)
    yield server
  ensure
    server&.close
  end

  # The paths that were asked for, in order.
  attr_reader :asked

  def initialize(answers)
    @answers, @asked = answers, []
    @socket = TCPServer.new("127.0.0.1", 0)
    @thread = Thread.new { loop { serve(@socket.accept) } }
    @thread.report_on_exception = false
  end

  def url(path = "") = "http://127.0.0.1:#{@socket.addr[1]}#{path}"

  def close
    @thread.kill
    @socket.close
  end

  private

  def serve(client)
    path = client.gets.split[1]
    nil until client.gets.strip.empty?
    @asked << path
    answer = @answers.fetch(path, [404, ""])
    return @silent = client if answer == :silence

    client.write(response(*answer))
    client.close
  end

  def response(code, body)
    location = (code == 302) ? "Location: #{body}\r\n" : ""
    "HTTP/1.1 #{code} #{REASONS.fetch(code)}\r\n#{location}Content-Length: #{body.bytesize}\r\nConnection: close\r\n\r\n#{body}"
  end
end
