# frozen_string_literal: true

module AllocStats
  module Rack
    # The rule for an endpoint in development that nobody has configured: only a client on this very machine may ask, and
    # only one of the user that the server runs as.
    #
    # The peer's address (REMOTE_ADDR) and the kernel's word (Connection) are what is believed. A header cannot open the
    # door, since anyone can send one; but some shut it. One that a proxy adds, since the client is then elsewhere, whatever
    # the peer's address is; so does HTTP/1.0, which proxies speak to what is behind them and browsers do not. And a Host
    # that is not this machine's own name: a page from elsewhere can let its own name point to 127.0.0.1 once it is
    # loaded (DNS rebinding), and the browser then takes this endpoint for a part of that page's site, whose scripts may
    # read the answers and send what they like. The address is the browser's, on this machine; the name gives it away.
    # A client that names no host is no browser.
    module Loopback
      ADDRESS = /\A(?:(?:::ffff:)?127(?:\.\d{1,3}){3}|::1)\z/i
      PROXIED = /\AHTTP_(?:X_FORWARDED(?:_.*)?|FORWARDED(?:_.*)?|X_REAL_IP|X_CLIENT_IP|X_CLUSTER_CLIENT_IP|X_ORIGINAL_.*|X_PROXY.*|TRUE_CLIENT_IP|CLIENT_IP|CF_.*|VIA)\z/
      HOST = /\A(?:(?:[a-z\d-]+\.)*localhost\.?|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?\z/i
      OLD = /\AHTTP\/(?:0\.9|1\.0)\z/

      module_function

      # Why the request of this Rack environment is not known to come from the machine itself; nil where it is.
      def doubt(env)
        return "the peer's address is not a loopback one" unless ADDRESS.match?(env["REMOTE_ADDR"].to_s.b)
        return "the request names a host that is not this machine" unless HOST.match?((env["HTTP_HOST"] || "localhost").b)

        proxied = env.each_key.find { |name| PROXIED.match?(name) }
        return "the request comes through a proxy (#{header(proxied)})" if proxied
        return "the request speaks HTTP/1.0, as proxies do" if OLD.match?(env["SERVER_PROTOCOL"].to_s)

        Connection.doubt(env)
      end

      # As it stands in a request: "X-Forwarded-For".
      def header(name) = Log.short(name.delete_prefix("HTTP_").split("_").map(&:capitalize).join("-"))

      private_class_method :header
    end
  end
end
