# frozen_string_literal: true

module AllocStats
  module Rack
    # The rule for an endpoint that nobody has configured: only a client on this very machine may ask.
    #
    # The peer's address (REMOTE_ADDR) is all that is believed. A header cannot open the door, since anyone can send
    # one; but one that a proxy adds shuts it, since the client is then elsewhere, whatever the peer's address is.
    module Loopback
      ADDRESS = /\A(?:(?:::ffff:)?127(?:\.\d{1,3}){3}|::1)\z/i
      PROXIED = /\AHTTP_(?:X_FORWARDED(?:_.*)?|FORWARDED|X_REAL_IP|VIA)\z/

      # Whether the request of this Rack environment comes from the machine itself.
      def self.call(env)
        ADDRESS.match?(env["REMOTE_ADDR"].to_s) && env.none? { |name, _| PROXIED.match?(name) }
      end
    end
  end
end
