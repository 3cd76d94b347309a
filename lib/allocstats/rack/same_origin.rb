# frozen_string_literal: true

module AllocStats
  module Rack
    # Whether a request that changes something was made by this site's own page, or by no page at all. A page of another
    # site can make a browser send a form here together with what lets the person in, be it a cookie, a password that
    # the browser repeats, or the mere address of the machine; it can neither read the answer nor hide where it comes from.
    #
    # - Sec-Fetch-Site is the browser's own word and cannot be set by a page: where it is sent, it decides.
    # - Origin is what older browsers send, and all where the site is not encrypted: it must name the host that was asked.
    # - A request with neither comes from a program, and programs send no forms by accident: what a form could send is
    #   then refused unless a token was named as Bearer, which browsers do not repeat. JSON no page can send elsewhere
    #   without asking first, which is never granted here.
    module SameOrigin
      ORIGIN = %r{\A(https?)://([^/?\#@\s,]+)\z}i
      PORTS = {"http" => /:80\z/, "https" => /:443\z/}.freeze

      REASON = "what changes something must come from this site's own page, or be JSON that no page has sent"

      module_function

      # form:: whether the body is what a form can send
      def call(env, form:)
        site = env["HTTP_SEC_FETCH_SITE"]
        return site == "same-origin" if site

        origin = env["HTTP_ORIGIN"]
        return named?(origin, env) if origin
        !form || Credentials.deliberate?(env)
      end

      # Behind a proxy that renames the host, the name that the browser asked for is in a header of the proxy's; no form
      # can add it.
      def named?(origin, env)
        scheme, host = ORIGIN.match(origin.b)&.captures&.map(&:downcase)
        return false if host.nil? || (scheme == "http" && env["rack.url_scheme"] == "https")

        asked = [env["HTTP_HOST"], env["HTTP_X_FORWARDED_HOST"]].compact
        asked.any? { |name| bare(name.b.downcase, scheme) == bare(host, scheme) }
      end

      # Without the port that goes without saying.
      def bare(host, scheme) = host.sub(PORTS.fetch(scheme), "")

      private_class_method :named?, :bare
    end
  end
end
