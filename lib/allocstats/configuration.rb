# frozen_string_literal: true

module AllocStats
  # What is said of allocstats, once for all frameworks of a process:
  #
  #   AllocStats.configure do |config|           # in config.ru, Puma's or Sidekiq's configuration, ...
  #     config.interval = 5
  #     config.authenticate { |request| request.env["warden"].user&.admin? }
  #   end
  #   config.allocstats.path = "/internal"       # in Rails, whose config.allocstats writes to the same
  #
  # A name that is none and a value that does not fit are errors in that very line, and a block of configure that raises has
  # changed nothing. Where two places say different things of one option, the later one holds, and that is said on stderr.
  class Configuration
    autoload :Source, "allocstats/configuration/source"

    # takes:: the values it takes, for the sentence that refuses others
    # fits:: whether a value is one of them; nil where the endpoint checks it, which is built later
    # endpoint:: whether the endpoint gets it; what opens it is nobody's business, and never shown
    Option = Struct.new(:name, :default, :takes, :fits, :endpoint, keyword_init: true) do
      def fits?(value)
        fits.nil? || fits.call(value)
      rescue TypeError, ArgumentError, NoMethodError
        false
      end
    end

    PATH = %r{\A(?:/[\w.~-]+)+\z}
    LEVELS = [:debug, :info, :warn, :error, :fatal, :unknown].freeze
    INTERVALS = (0.05..3600.0)
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
      Option.new(name: :agent, fits: SWITCH_OR_NIL.method(:include?), takes: "true, false, or nil for under a server alone"),
      Option.new(name: :interval, default: 10, fits: ->(value) { Measured.within?(INTERVALS, value) }, takes: "a number of seconds from 0.05 to 3600"),
      Option.new(name: :metrics, default: true, fits: SWITCH.method(:include?), takes: "true or false"),
      Option.new(name: :log, default: true, fits: SWITCH.method(:include?), takes: "true or false"),
      Option.new(name: :log_level, default: :warn, fits: ->(value) { value == false || LEVELS.include?(value) },
        takes: "false, or a level from which on a line is logged: #{LEVELS.map(&:inspect).join(", ")}"),
      Option.new(name: :server_timing, fits: SWITCH_OR_NIL.method(:include?), takes: "true, false, or nil for as config.server_timing")
    ].to_h { |option| [option.name, option.freeze] }.freeze

    OPTIONS.each_key { |name| define_method(name) { self[name] } }

    # The one of this process.
    def self.current = @current ||= new

    def initialize
      @values = OPTIONS.transform_values(&:default).freeze
      @said_by = {}.freeze
    end

    # @raise [UnknownName]
    def [](name)
      @values.fetch(name) { raise UnknownName.among("option of allocstats", name, OPTIONS.keys) }
    end

    # What AllocStats::Rack::Endpoint is to be built with: what was set of its options, whose defaults are its own.
    # @return [Hash{Symbol => Object}]
    def endpoint_options
      @values.select { |name, value| OPTIONS.fetch(name).endpoint && !value.nil? }
    end

    # Who sets options here, under a name that refusals have.
    # @param name [String] "config.allocstats"
    # @return [Source]
    def source(name) = Source.new(self, name)

    # @param source [Source]
    # @raise [InvalidValue]
    def set(option, value, source)
      raise InvalidValue, "#{source.name}.#{option.name} takes #{option.takes}, and not #{value.inspect[0, 80]}" unless option.fits?(value)
      tell_of_odds(option, value, source)
      @said_by = @said_by.merge(option.name => source.name).freeze unless @values[option.name] == value && @said_by[option.name]
      @values = @values.merge(option.name => value).freeze
      value
    end

    # Runs the block; where it raises, everything is as it was.
    def as_a_whole
      before = [@values, @said_by]
      done = false
      result = yield
      done = true
      result
    ensure
      @values, @said_by = before unless done
    end

    # Without the values: a token is nobody's business.
    def inspect
      "#<#{self.class} #{@values.compact.keys.join(", ")}>"
    end

    private

    def tell_of_odds(option, value, source)
      other = @said_by[option.name]
      return if other.nil? || other == source.name || @values[option.name] == value
      values = option.endpoint ? ["one value", "another one"] : [@values[option.name].inspect, value.inspect]
      warn("allocstats: #{option.name} was set to #{values[0]} by #{other} and now to #{values[1]} by #{source.name}, which holds")
    end
  end
end
