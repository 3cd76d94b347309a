# frozen_string_literal: true

module AllocStats
  module Rails
    # What an application says of allocstats, in config/application.rb, an environment or an initializer:
    #
    #   config.allocstats.path = "/internal/allocator"
    #   config.allocstats.authenticate { |request| request.env["warden"].user&.admin? }
    #
    # A name that is none and a value that does not fit are errors in that very line, when the application boots.
    # `rails generate allocstats:install` writes an initializer that has each option, with what it does.
    class Configuration
      # takes:: the values it takes, for the sentence that refuses others
      # fits:: whether a value is one of them; nil where the endpoint checks it, which is built when Rails boots
      # endpoint:: whether the endpoint gets it
      Option = Struct.new(:name, :default, :takes, :fits, :endpoint, keyword_init: true)

      PATH = %r{\A(?:/[\w.~-]+)+\z}
      LEVELS = [:debug, :info, :warn, :error, :fatal, :unknown].freeze
      SWITCH = [true, false].freeze
      SWITCH_OR_NIL = [true, false, nil].freeze

      OPTIONS = [
        Option.new(name: :path, default: "/allocator", fits: ->(value) { value == false || PATH.match?(value) },
          takes: "false or a path such as \"/internal/allocator\", of letters, digits and -._~"),
        Option.new(name: :allow, endpoint: true),
        Option.new(name: :token, endpoint: true),
        Option.new(name: :change_token, endpoint: true),
        Option.new(name: :authenticate, endpoint: true),
        Option.new(name: :authenticate_changes, endpoint: true),
        Option.new(name: :cache_seconds, endpoint: true),
        Option.new(name: :purge_interval, endpoint: true),
        Option.new(name: :health, endpoint: true),
        Option.new(name: :sampler, fits: SWITCH_OR_NIL.method(:include?), takes: "true, false, or nil for under a server alone"),
        Option.new(name: :interval, default: 10, fits: (0.05..3600).method(:cover?), takes: "a number of seconds from 0.05 to 3600"),
        Option.new(name: :metrics, default: true, fits: SWITCH.method(:include?), takes: "true or false"),
        Option.new(name: :log, default: true, fits: SWITCH.method(:include?), takes: "true or false"),
        Option.new(name: :log_level, default: :warn, fits: ->(value) { value == false || LEVELS.include?(value) },
          takes: "false, or a level from which on a line is logged: #{LEVELS.map(&:inspect).join(", ")}"),
        Option.new(name: :server_timing, fits: SWITCH_OR_NIL.method(:include?), takes: "true, false, or nil for as config.server_timing")
      ].to_h { |option| [option.name, option.freeze] }.freeze

      # Read, set by `=`, or set to the block that it is given.
      OPTIONS.each_key do |name|
        define_method(name) { |&block| block ? set(name, block) : @values[name] }
        define_method(:"#{name}=") { |value| set(name, value) }
      end

      def initialize
        @values = OPTIONS.transform_values(&:default)
      end

      # What AllocStats::Rack::Endpoint is to be built with: what was set of its options, whose defaults are its own.
      # environment:: that of the application
      def endpoint_options(environment)
        set = @values.select { |name, value| OPTIONS.fetch(name).endpoint && !value.nil? }
        {environment: environment.to_s, **set}
      end

      def respond_to_missing?(*) = false

      def method_missing(name, *)
        raise UnknownName.among("option of config.allocstats", name.to_s.delete_suffix("="), OPTIONS.keys)
      end

      # Without the values: a token is nobody's business.
      def inspect
        "#<#{self.class} #{@values.compact.keys.join(", ")}>"
      end

      private

      def set(name, value)
        option = OPTIONS.fetch(name)
        raise InvalidValue, "config.allocstats.#{name} takes #{option.takes}, and not #{value.inspect[0, 80]}" unless fits?(option, value)

        @values[name] = value
      end

      def fits?(option, value)
        option.fits.nil? || option.fits.call(value)
      rescue TypeError, ArgumentError, NoMethodError
        false
      end
    end
  end
end
