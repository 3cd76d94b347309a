# frozen_string_literal: true

module AllocStats
  module Rack
    # The rule for an endpoint in development that nobody has configured: only a client on this very machine may ask.
    #
    # The peer's address (REMOTE_ADDR) is what is believed. A header cannot open the door, since anyone can send one; but
    # two shut it. One that a proxy adds, since the client is then elsewhere, whatever the peer's address is. And a Host
    # that is not this machine's own name: a page from elsewhere can let its own name point to 127.0.0.1 once it is
    # loaded (DNS rebinding), and the browser then takes this endpoint for a part of that page's site, whose scripts may
    # read the answers and send what they like. The address is the browser's, on this machine; the name gives it away.
    # A client that names no host is no browser.
    module Loopback
      ADDRESS = /\A(?:(?:::ffff:)?127(?:\.\d{1,3}){3}|::1)\z/i
      PROXIED = /\AHTTP_(?:X_FORWARDED(?:_.*)?|FORWARDED|X_REAL_IP|VIA)\z/
      HOST = /\A(?:(?:[a-z\d-]+\.)*localhost\.?|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?\z/i

      # Whether the request of this Rack environment comes from the machine itself.
      def self.call(env)
        ADDRESS.match?(env["REMOTE_ADDR"].to_s.b) && HOST.match?((env["HTTP_HOST"] || "localhost").b) &&
          env.none? { |name, _| PROXIED.match?(name) }
      end
    end
  end
end
