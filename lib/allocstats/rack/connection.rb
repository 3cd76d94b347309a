# frozen_string_literal: true

require "socket"

module AllocStats
  module Rack
    # What the kernel says of the connection that a request came on, whatever the request itself says: whether it can only
    # have been made on this machine, by the user that the server runs as.
    #
    # A proxy on this machine connects from a loopback address too, and adds no header unless it is told to. So the address
    # is not enough: the server must listen on loopback addresses alone, and the other end of the connection must be a
    # socket of this very user, which a system's proxy, that has a user of its own, has not. A connection over a unix
    # socket shows neither, and is one that proxies make.
    module Connection
      # Where servers put the socket of a request.
      SOCKETS = ["puma.socket", "unicorn.socket", "pitchfork.socket"].freeze

      TABLES = ["/proc/self/net/tcp", "/proc/self/net/tcp6"].freeze

      # More than the tables of a machine in development have.
      LONGEST = 8 << 20

      LISTENING = "0A"

      # The bytes of an IPv6 address that has an IPv4 one in it, and of ::1.
      MAPPED = "#{"\0" * 10}\xff\xff".b.freeze
      ONE = "#{"\0" * 15}\1".b.freeze

      # An address' bytes, and a port.
      End = Struct.new(:bytes, :port) do
        def loopback? = (bytes.bytesize == 4) ? bytes.getbyte(0) == 127 : bytes == ONE
      end

      # A line of a table: the state in its hexadecimal digits, whose it is, and its inode, 0 for one that no process holds.
      Row = Struct.new(:local, :remote, :state, :uid, :inode)

      module_function

      # Why it is not proven to be this user's on this machine; nil where it is.
      def doubt(env)
        socket = env.values_at(*SOCKETS).compact.first or return "the server does not show the connection"
        addresses = socket.to_io.then { |io| [io.local_address, io.remote_address] }
        return "the connection is not over TCP, as a proxy's may be" unless addresses.all?(&:ip?)

        local, remote = addresses.map { |address| end_of(address) }
        return "the connection is not within this machine" unless local.loopback? && remote.loopback?
        judge(rows, local, remote)
      rescue SystemCallError, IOError, SocketError, NoMethodError, ArgumentError => error
        "the connection cannot be looked at (#{error.class})"
      end

      def judge(rows, local, remote)
        listeners = rows.select { |row| row.state == LISTENING && row.local.port == local.port }
        return "the kernel does not say where the server listens" if listeners.empty?
        return "the server listens on other addresses than loopback ones" unless listeners.all? { |row| row.local.loopback? }

        peer = rows.find { |row| row.local == remote && row.remote == local && row.inode.positive? }
        "the other end of the connection is not of the user that runs the server" unless peer&.uid == Process.euid
      end

      def rows = TABLES.flat_map { |path| File.exist?(path) ? table(path) : [] }

      def table(path)
        text = File.read(path, LONGEST).to_s
        raise ArgumentError, "#{path} is too long" if text.bytesize == LONGEST
        text.lines.drop(1).map do |line|
          _, local, remote, state, _, _, _, uid, _, inode = line.split
          Row.new(written(local), written(remote), state, Integer(uid, 10), Integer(inode, 10))
        end
      end

      # "0100007F:0BB8": words of 32 bits in this machine's order, and the port.
      def written(text)
        words, port = text.split(":")
        plain(words.scan(/.{8}/).map(&:hex).pack("L*"), port.hex)
      end

      # The address lies behind the family and port of a sockaddr_in, and behind the flow of a sockaddr_in6.
      def end_of(address)
        plain(address.ipv4? ? address.to_sockaddr.byteslice(4, 4) : address.to_sockaddr.byteslice(8, 16), address.ip_port)
      end

      def plain(bytes, port) = End.new(bytes.start_with?(MAPPED) ? bytes.byteslice(12, 4) : bytes, port)

      private_class_method :judge, :rows, :table, :written, :end_of, :plain
    end
  end
end
