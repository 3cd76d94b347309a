# frozen_string_literal: true

module AllocStats
  module Rack
    # Who may read and who may change. Closed until opened: what is configured opens, and where nothing is, this machine
    # in development and test, and nobody anywhere else.
    class Access
      # The environments in which nobody has to configure anything.
      LOCAL = ["development", "test"].freeze

      # Where frameworks and servers write down the environment. One that is not local outweighs those that are.
      VARIABLES = ["APP_ENV", "RAILS_ENV", "RACK_ENV"].freeze

      def self.environment
        names = ENV.values_at(*VARIABLES).compact.reject(&:empty?)
        names.find { |name| !LOCAL.include?(name) } || names.first
      end

      # allow::                opens reading; called with the Rack environment
      # token::                opens reading; that of ALLOCSTATS_TOKEN unless said
      # change_token::         opens reading and changing; that of ALLOCSTATS_CHANGE_TOKEN unless said
      # authenticate::         opens reading; called with the framework's request, see Request
      # authenticate_changes:: opens reading and changing, in the same way
      # environment::          "development" and "test" open both to this machine if nothing else was configured
      # @raise [InvalidValue]
      def initialize(allow: nil, token: nil, change_token: nil, authenticate: nil, authenticate_changes: nil, environment: Access.environment)
        @token = token ? Token.new(token, "token") : Token.in("ALLOCSTATS_TOKEN")
        @change_token = change_token ? Token.new(change_token, "change_token") : Token.in("ALLOCSTATS_CHANGE_TOKEN")
        @allow = callable(:allow, allow)
        @authenticate = callable(:authenticate, authenticate)
        @authenticate_changes = callable(:authenticate_changes, authenticate_changes)
        @loopback = LOCAL.include?(environment.to_s) && rules.none?
      end

      def reads?(env)
        return Loopback.call(env) if @loopback

        known?(env, @token, @change_token) || @allow&.call(env) || says?(@authenticate, env) || changes?(env)
      end

      def changes?(env)
        return Loopback.call(env) if @loopback

        known?(env, @change_token) || says?(@authenticate_changes, env)
      end

      # The answer for who is not let in. Who could be after saying who it is, is asked to (401); who has said so, or
      # has nothing to say, is not (403).
      # known:: whether it is let in for reading
      def refusal(known: false)
        return Answer.refusal(403, "forbidden") if known || !askable?

        Answer.refusal(401, "unauthorized", "www-authenticate" => Credentials::CHALLENGE)
      end

      # Without what it holds.
      def inspect = "#<#{self.class}>"

      private

      def rules = [@token, @change_token, @allow, @authenticate, @authenticate_changes]

      def askable? = [@token, @change_token, @authenticate, @authenticate_changes].any?

      # Every token is compared, whichever matches.
      def known?(env, *tokens)
        offered = Credentials.of(env)
        tokens.compact.map { |token| token.matches?(offered) }.any?
      end

      def says?(rule, env)
        rule&.call(Request.of(env))
      end

      def callable(name, rule)
        return rule if rule.nil? || rule.respond_to?(:call)
        raise InvalidValue, "#{name} must be something to call with a request: #{rule.inspect[0, 80]}"
      end
    end
  end
end
