# frozen_string_literal: true

require "socket"

# A connection over TCP such as a server has one with a client, for asking an endpoint in this process:
#
#   endpoint.call(env.merge("puma.socket" => local_connection))
module LocalConnection
  # listen:: where the server listens
  # from::   the address by which the client reaches it
  # @return [TCPSocket] the server's end; the other one, and the listener, are open as long as it is
  def local_connection(listen: "127.0.0.1", from: "127.0.0.1")
    server = TCPServer.new(listen, 0)
    client = TCPSocket.new(from, server.addr[1])
    server.accept.tap { |socket| (@connections ||= []) << [server, client, socket] }
  end

  # Ends those there are, as at the end of a test.
  def close_connections
    @connections&.flatten&.each(&:close)
    @connections = nil
  end
end
