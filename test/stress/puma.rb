# A purge inside of a real Puma whose reactor waits in nio4r's selector, which calls malloc there without the GVL: clients
# send a part of a request, so that it goes to the reactor, and the rest later.
# gems
require "puma"
require "puma/server"
require "socket"

app = AllocStats::Rack::Middleware.new(->(_env) { [200, {}, [Array.new(50) { "x" * Random.rand(5000) }.join]] })
server = Puma::Server.new(app, nil, min_threads: 3, max_threads: 5, log_writer: Puma::LogWriter.null)
port = server.add_tcp_listener("127.0.0.1", 0).addr[1]
running = server.run
stop = false
clients = Array.new(6) do
  Thread.new do
    answered = 0
    until stop
      socket = TCPSocket.new("127.0.0.1", port)
      3.times do
        socket.write("GET / HTTP/1.1\r\nHost: x\r\n")
        sleep(Random.rand * 0.002)
        socket.write("X-Padding: #{"p" * Random.rand(2000)}\r\n\r\n")
        head = +""
        head << socket.readpartial(4096) until head.include?("\r\n\r\n")
        rest = Integer(head[/content-length: (\d+)/i, 1]) - head.split("\r\n\r\n", 2).last.bytesize
        rest.positive? && socket.read(rest)
        head.start_with?("HTTP/1.1 200") ? answered += 1 : abort(head)
      end
      socket.close
    end
    answered
  end
end
purges = Stress.repeat { |i| AllocStats.purge(gc: i % 20 == 0) && sleep(0.001) }
stop = true
requests = clients.sum { |thread| thread.join(20)&.value || abort("a client gets no answer") }
server.stop
running.join(20) or abort("Puma does not end")
Stress.assert_usable
{purges: purges, requests: requests}
