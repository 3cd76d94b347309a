# frozen_string_literal: true

module AllocStats
  # One of the options of glibc's mallopt(3). AllocStats.mallopt and AllocStats.mallopts are the way in.
  #
  # mallopt has no counterpart that reads. What was set through AllocStats is remembered, and what the environment set
  # when the process started is read there; what other code of the process has set is not seen.
  #
  # - `name` (Symbol) M_ARENA_MAX is :arena_max
  # - `range` (Range) of the values that AllocStats.mallopt takes
  # - `kind` (Symbol) :live, :inert (glibc ignores it) or :dangerous
  # - `variable` (String, nil), `tunable` (String) what sets the same at the start, in the environment
  # - `definition` (String) one sentence
  class Allocators::Glibc::Mallopt
    # What is known of an option's value:
    # - `set` (Integer, nil) last set through AllocStats, nil if never
    # - `start` (Integer, nil) set by the environment when the process started; nil where it was not set, or where the
    #   environment of the start can no longer be read
    # - `source` (String, nil) what set the value that is in force: "mallopt", the variable or the tunable; nil where that
    #   is glibc's own default
    Setting = Struct.new(:set, :start, :source, keyword_init: true) do
      # The value in force, nil where it is glibc's own default.
      def value
        set || start
      end
    end

    KNOWN = Ractor.make_shareable(Allocators::Glibc.mallopt_descriptions)

    class << self
      # @return [Hash{Symbol => Mallopt}]
      def all
        options.transform_keys(&:to_sym)
      end

      # @raise [UnknownName]
      def fetch(name)
        known = options
        known[Allocators::Given.name_among(known, "option of mallopt", name)]
      end

      private

      def options
        KNOWN.each_with_index.to_h { |(name, *), index| [name.name, new(index)] }
      end
    end

    attr_reader :name, :range, :kind, :variable, :tunable, :definition

    def initialize(index)
      @index = index
      @name, @kind, least, most, @variable, @tunable, @definition = KNOWN[index]
      @range = least..most
      freeze
    end

    # @return [Integer, nil] what was set through AllocStats before
    # @raise [InvalidValue, ReadOnly, Refused] and nothing was changed
    def set(value, unsafe: false)
      raise ReadOnly, "glibc ignores #{name}, #{definition}" if kind == :inert
      raise Refused, "#{name} can slow the process down beyond use (#{definition}); unsafe: true sets it all the same" if kind == :dangerous && !unsafe
      number = Allocators::Given.integer_in(range, :count, name, value)
      Allocators::Glibc.mallopt_remembered(@index).tap { Allocators::Glibc.mallopt(@index, number) }
    end

    # @return [Setting]
    # @param tunables [Allocators::Glibc::Tunables] what the environment of the start said
    def setting(tunables = Allocators::Glibc::Tunables.of_start)
      set = Allocators::Glibc.mallopt_remembered(@index)
      start = tunables[tunable]
      Setting.new(set: set, start: start&.value, source: set ? "mallopt" : start&.source)
    end
  end
end
