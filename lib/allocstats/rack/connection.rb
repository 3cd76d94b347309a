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

      # The bytes of an IPv6 address that has an IPv4 one in it, and of ::1.
      MAPPED = "#{"\0" * 10}\xff\xff".b.freeze
      ONE = "#{"\0" * 15}\1".b.freeze

      # An address' bytes, and a port.
      End = Struct.new(:bytes, :port) do
        def self.of(bytes, port) = new(bytes.start_with?(MAPPED) ? bytes.byteslice(12, 4) : bytes, port)

        # The address lies behind the family and port of a sockaddr_in, and behind the flow of a sockaddr_in6.
        def self.at(address)
          of(address.ipv4? ? address.to_sockaddr.byteslice(4, 4) : address.to_sockaddr.byteslice(8, 16), address.ip_port)
        end

        def loopback? = (bytes.bytesize == 4) ? bytes.getbyte(0) == 127 : bytes == ONE

        # As a table has it, which may have an IPv4 address within an IPv6 one: words of 32 bits in this machine's order.
        def pattern
          "#{"(?:#{Connection.words(MAPPED)})?" if bytes.bytesize == 4}#{Connection.words(bytes)}:#{format("%04X", port)}"
        end
      end

      module_function

      # Why it is not proven to be this user's on this machine; nil where it is.
      def doubt(env)
        socket = env.values_at(*SOCKETS).compact.first or return "the server does not show the connection"
        addresses = socket.to_io.then { |io| [io.local_address, io.remote_address] }
        return "the connection is not over TCP, as a proxy's may be" unless addresses.all?(&:ip?)

        local, remote = addresses.map { |address| End.at(address) }
        return "the connection is not within this machine" unless local.loopback? && remote.loopback?
        judge(table, local, remote)
      rescue SystemCallError, IOError, SocketError, NoMethodError, ArgumentError => error
        "the connection cannot be looked at (#{error.class})"
      end

      def judge(table, local, remote)
        listeners = table.scan(/^ *\d+: (\h+):#{format("%04X", local.port)} \h+:0000 0A /).map { |(words)| End.of(bytes(words), local.port) }
        return "the kernel does not say where the server listens" if listeners.empty?
        return "the server listens on other addresses than loopback ones" unless listeners.all?(&:loopback?)
        return if owners(table, remote, local).include?(Process.euid)
        "the other end of the connection is not of the user that runs the server"
      end

      # Whose a connection is, seen from its other end. One that no process holds any more has no inode, and is nobody's.
      def owners(table, from, to)
        table.scan(/^ *\d+: #{from.pattern} #{to.pattern} \h\h \h+:\h+ \h+:\h+ \h+ +(\d+) +\d+ +([1-9]\d*) /).map { |uid, _| Integer(uid, 10) }
      end

      def table
        TABLES.select { |path| File.exist?(path) }.map { |path|
          text = File.read(path, LONGEST).to_s
          raise ArgumentError, "#{path} is too long" if text.bytesize == LONGEST
          text
        }.join
      end

      def words(bytes) = bytes.unpack("L*").map { |word| format("%08X", word) }.join

      def bytes(words) = words.scan(/.{8}/).map(&:hex).pack("L*")

      private_class_method :judge, :owners, :table, :bytes
    end
  end
end
