# frozen_string_literal: true

module AllocStats
  module Rack
    # What a request offers for a token: `Authorization: Bearer <token>`, or Basic with the token as the password, of
    # any user, so that a browser can ask a person for it. Nothing else is looked at: what is in a query string ends up
    # in logs and histories.
    module Credentials
      BEARER = /\ABearer +([\x21-\x7e]+) *\z/i
      BASIC = %r{\ABasic +([A-Za-z0-9+/]+=*) *\z}i

      # Longer than any token; what is longer is not even decoded.
      LONGEST = 4096

      CHALLENGE = %(Basic realm="allocstats", charset="UTF-8", Bearer realm="allocstats")

      module_function

      # The word that is offered, or nil. Two headers, which servers join by a comma, are no word.
      def of(env)
        header = header(env) or return
        header[BEARER, 1] || password(header[BASIC, 1])
      end

      # The user that Basic names beside the password, or the one that the server has found out; nil for none.
      def user(env)
        name = decoded(header(env)&.[](BASIC, 1))&.first || env["REMOTE_USER"]
        name unless name.to_s.empty?
      end

      # Whether no other site's page can have made the browser send it: browsers repeat Basic by themselves, never Bearer.
      def deliberate?(env)
        BEARER.match?(header(env).to_s)
      end

      def header(env)
        text = env["HTTP_AUTHORIZATION"]
        text.b if text && text.bytesize <= LONGEST
      end

      def password(encoded)
        decoded(encoded)&.at(1)
      end

      # [user, password]
      def decoded(encoded)
        encoded&.unpack1("m0")&.split(":", 2)
      rescue ArgumentError
        nil # no base64
      end

      private_class_method :header, :password, :decoded
    end
  end
end
