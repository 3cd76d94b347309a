# frozen_string_literal: true

module AllocStats
  module Rack
    # Who may read and who may change. Closed until opened: what is configured opens. Where nothing is, a Rails application
    # in development and test is open to its own user on this machine (Loopback), whatever else says that it is neither is
    # closed, and everything in between, which nobody has said to be a production, to who sends the key of this start.
    class Access
      # The environments in which nobody has to configure anything.
      LOCAL = ["development", "test"].freeze

      # Where frameworks and servers write down the environment. One that is not local closes. One that is opens nothing:
      # servers say "development" where nobody has said anything.
      VARIABLES = ["APP_ENV", "RAILS_ENV", "RACK_ENV"].freeze

      # What opens, in the words of docs/endpoint.md.
      READING = "ALLOCSTATS_TOKEN, or token:, authenticate: or allow: of the endpoint, opens reading"
      CHANGING = "ALLOCSTATS_CHANGE_TOKEN, or change_token: or authenticate_changes: of the endpoint, opens changing"

      # One that was not let in: the status to say so with, a word for the client, why, and the setting that would open.
      Refusal = Struct.new(:status, :word, :reason, :setting)

      # The environment as far as it decides: one that is not local, else what Rails says itself, else nil.
      def self.environment
        rails = Loaded.constant("Rails")
        rails = rails.respond_to?(:env) ? rails.env.to_s : nil
        [rails, *ENV.values_at(*VARIABLES)].compact.reject(&:empty?).find { |name| !LOCAL.include?(name) } || rails
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
        @environment = environment.to_s
        @key = Token.new(StartKey.text, StartKey::NAME) if rules.none? && (local? || @environment.empty?)
      end

      # Whether it is open to who sends the key of this start.
      def key? = !@key.nil?

      # Whether the environment is one in which a client may be told why it was not let in.
      def local? = LOCAL.include?(@environment)

      # What lets this request read, as a log names it; nil where nothing does.
      def reader(env)
        known(env, @token, @change_token, @key) || here(env) || named("allow", @allow&.call(env)) || says("authenticate", @authenticate, env) ||
          says("authenticate_changes", @authenticate_changes, env)
      end

      # What lets it change something.
      def changer(env)
        known(env, @change_token, @key) || here(env) || says("authenticate_changes", @authenticate_changes, env)
      end

      # Why it is not let in. Who could be after saying who it is, is asked to (401); who has said so, or has nothing to
      # say, is not (403).
      # reader:: what lets it read, where it wanted to change
      def refusal(env, reader: nil)
        return Refusal.new(403, "forbidden", "#{reader} lets read and not change", CHANGING) if reader
        return Refusal.new(403, "forbidden", *reason(env)) unless askable?

        Refusal.new(401, "unauthorized", *reason(env))
      end

      # Without what it holds.
      def inspect = "#<#{self.class}>"

      private

      def rules = [@token, @change_token, @allow, @authenticate, @authenticate_changes]

      def askable? = [@token, @change_token, @authenticate, @authenticate_changes, @key].any?

      # [why, the setting that would open]
      def reason(env)
        settings = "#{READING}; #{CHANGING}"
        return [offered(env), settings] if rules.any?
        return ["nothing is configured, and the environment is #{Log.short(@environment)}", settings] unless key?

        doubt = local? ? Loopback.doubt(env) : "no Rails application says that this is development"
        ["nothing is configured, and #{doubt}", "#{StartKey::NAME}, which is in the server's log, opens it; #{settings}"]
      end

      def offered(env)
        return "nothing that is configured lets it in" unless [@token, @change_token].any?
        Credentials.of(env) ? "the token that it has sent is not the one" : "it has sent no token"
      end

      # What is known of this machine counts only where nothing is configured.
      def here(env) = ("this machine" if key? && local? && Loopback.doubt(env).nil?)

      # Every token is compared, whichever matches.
      def known(env, *tokens)
        offered = Credentials.of(env)
        tokens.compact.map { |token| token.name if token.matches?(offered) }.compact.first
      end

      def says(name, rule, env) = named(name, rule&.call(Request.of(env)))

      def named(name, said) = (name if said)

      def callable(name, rule)
        return rule if rule.nil? || rule.respond_to?(:call)
        raise InvalidValue, "#{name} must be something to call with a request: #{rule.inspect[0, 80]}"
      end
    end
  end
end
