# frozen_string_literal: true

module AllocStats
  module Allocators
    # One option of the running allocator. Each allocator's options.rb has its own kinds, which fill in what is empty here.
    class Option
      # [Symbol] as the running allocator calls it
      attr_reader :name

      def initialize(name)
        @name = name.to_sym
      end

      # The value as the allocator takes it.
      # @raise [InvalidValue, Refused]
      def check(value)
        raise NotImplementedError
      end

      # The value in force, nil where the allocator does not tell.
      def value
        raise NotImplementedError
      end

      # @param value as check gave it
      def set(value)
        raise NotImplementedError
      end

      # A sentence for why it cannot be set in a running process; nil where it can.
      def fixed
      end

      # What sets it when a process starts: [variable, text]; nil where nothing does.
      def line(value)
      end

      # Whether an environment sets it already, under whichever of its names.
      # @param environment [Hash] variable => text
      # @param value that is wanted
      def given?(environment, value)
        variable, = line(value)
        environment.key?(variable)
      end

      # What is to be known of a value that was taken; nil where it acts at once, on everything.
      def remark(value, before)
      end

      # All that set changes, for restore.
      def state
        value
      end

      def restore(state)
        set(state)
      end

      private

      def integer(range, value, remark = nil)
        return value if value.is_a?(Integer) && range.cover?(value)
        raise InvalidValue, "#{name} takes an Integer from #{range.begin} to #{range.end}#{remark}, not #{Formats.shown(value)}"
      end

      # @param described what the native API knows of it: range, unit, kind and definition
      # @param refused [Array<Symbol>] the kinds that are not for tuning
      def described(described, unit, value, refused = [:dangerous])
        raise Refused, "#{name} is refused: #{described.definition || "allocstats does not know what it does"}" if refused.include?(described.kind)
        Allocators::Given.integer_in(described.range, unit, name, value)
      end

      def boolean(value)
        return value if value == true || value == false
        raise InvalidValue, "#{name} takes true or false, not #{Formats.shown(value)}"
      end
    end
  end
end
