# frozen_string_literal: true

module AllocStats
  class Diagnosis
    # From when on a check warns or fails. Each level wants all it names at once: a share, since bytes mean nothing without
    # a whole; bytes, since nine tenths of nothing is nothing; and a time, since memory comes and goes.
    #
    #   Limits.new                                                    # Thresholds::LEVELS
    #   Limits.new(expect: :jemalloc, rss: {fail: {ratio: 0.9}}, growth: false)
    #
    # What is given replaces what Thresholds has for it; false for a level, or for a check, switches it off.
    class Limits
      # ratio::   share of the whole, from 0 to 1; of growth, in an hour
      # bytes::   bytes; of growth, in an hour
      # seconds:: for how long; of growth, over which time; of pressure, the kernel's window
      # count::   how many
      Limit = Struct.new(:ratio, :bytes, :seconds, :count, keyword_init: true) do
        # Whether `part` of `whole` reaches ratio and bytes.
        def reached?(part, whole) = Threshold.new(ratio: ratio, bytes: bytes).reached?(part, whole)

        def to_s = [("#{(ratio * 100).round} %" if ratio), ("#{bytes >> 20} MiB" if bytes), count].compact.join(" and ")
      end

      # From good to bad.
      LEVELS = [:warn, :fail].freeze

      # What can be asked for, in the order in which health shows it.
      CHECKS = %i[allocator rss cgroup kept growth pressure workers].freeze

      # What each part of a limit takes: whether it fits, and the words for it.
      FIELDS = {
        ratio: [->(value) { (0..100).cover?(value) }, "a share from 0 on (0.9 is 90 %)"],
        bytes: [->(value) { value.is_a?(Integer) && (0..2**60).cover?(value) }, "whole bytes"],
        seconds: [->(value) { (0..604_800).cover?(value) }, "seconds, at most a week"],
        count: [->(value) { value.is_a?(Integer) && (1..100_000).cover?(value) }, "a whole number from 1 on"]
      }.freeze

      # Over which the kernel averages pressure.
      WINDOWS = {10 => :avg10, 60 => :avg60, 300 => :avg300}.freeze

      # Those that nobody has asked to be otherwise.
      # @return [Limits]
      def self.default = @default ||= new

      # The allocator that is to own all of malloc, or nil.
      # @return [Symbol, nil]
      attr_reader :expect

      # The names of the checks that are to be made.
      # @return [Array<Symbol>]
      attr_reader :checks

      # @raise [UnknownName, InvalidValue]
      def initialize(expect: nil, allocator: true, **given)
        unknown = given.keys.find { |name| !Thresholds::LEVELS.key?(name) }
        raise UnknownName.among("option of the health check", unknown, [:expect, *CHECKS]) if unknown

        @expect = Allocator.named(expect) if AllocStats.supported? # elsewhere there is none, and the application is configured alike
        @limits = Thresholds::LEVELS.to_h { |name, levels| [name, checked(name, levels, given.fetch(name, {}))] }.freeze
        @checks = CHECKS.select { |name| (name == :allocator) ? allocator : @limits[name] }.freeze
        freeze
      end

      # @return [Limit, nil] nil where the check has no such level
      def of(check, level) = @limits.fetch(check)&.fetch(level)

      # The worst level of a check whose limit the block finds reached.
      # @return [Array(Symbol, Limit), nil]
      def reached(check)
        LEVELS.reverse_each do |level|
          limit = of(check, level)
          return [level, limit] if limit && yield(limit)
        end
        nil
      end

      private

      # @return [Hash{Symbol => Limit, nil}, nil] nil for a check that is switched off
      def checked(name, levels, given)
        return if given == false
        raise InvalidValue, "health: #{name} is false, or a Hash of #{LEVELS.join(" and ")}, not #{given.inspect[0, 80]}" unless given.is_a?(Hash)

        stranger = given.keys.find { |level| !LEVELS.include?(level) }
        raise UnknownName.among("level of the health check #{name}", stranger, LEVELS) if stranger
        LEVELS.to_h { |level| [level, limit("#{name}: #{level}", levels, level, given.fetch(level, {}))] }
      end

      # A level that the table has not takes the warning's parts, and then all of them.
      def limit(place, levels, level, given)
        return if given == false || given.nil?
        raise InvalidValue, "health: #{place} is false or a Hash, not #{given.inspect[0, 80]}" unless given.is_a?(Hash)
        return if given.empty? && levels[level].nil?

        known = levels.fetch(:warn).keys
        given.each { |field, value| check_field(place, known, field, value) }
        values = levels.fetch(level).to_h.merge(given)
        missing = known - values.keys
        raise InvalidValue, "health: #{place} needs #{missing.join(" and ")} too" if missing.any?
        Limit.new(**values).freeze
      end

      def check_field(place, known, field, value)
        raise UnknownName.among("part of the health check's #{place}", field, known) unless known.include?(field)
        fits, words = FIELDS.fetch(field)
        numeric = value.is_a?(Integer) || (value.is_a?(Float) && value.finite?)
        raise InvalidValue, "health: #{place} takes #{words} for #{field}, not #{value.inspect[0, 80]}" unless numeric && fits.call(value)
        return unless place.start_with?("pressure") && field == :seconds && !WINDOWS.key?(value)
        raise InvalidValue, "health: #{place} takes one of the kernel's windows for seconds, #{WINDOWS.keys.join(", ")}, not #{value}"
      end
    end
  end
end
