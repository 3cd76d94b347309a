# frozen_string_literal: true

module AllocStats
  module Allocators::Tcmalloc
    # What gperftools' tcmalloc lets a process set: its properties, without the "tcmalloc." before them, and its release
    # rate. The rest of its variables is read when it starts.
    module Options
      PREFIX = "tcmalloc."

      # The variables that set at the start what a property sets later.
      VARIABLES = {
        max_total_thread_cache_bytes: "TCMALLOC_MAX_TOTAL_THREAD_CACHE_BYTES",
        aggressive_memory_decommit: "TCMALLOC_AGGRESSIVE_DECOMMIT",
        heap_limit_mb: "TCMALLOC_HEAP_LIMIT_MB"
      }.freeze

      # A property that can be set.
      class OfProperty < Allocators::Option
        def initialize(property)
          super(property.name.delete_prefix(PREFIX))
          @property = property
        end

        def check(value) = described(@property, @property.unit, value)

        def value = @property.value

        def set(value) = @property.set(value)

        def line(value)
          [VARIABLES[name], value.to_s] if VARIABLES.key?(name)
        end
      end

      # How fast free pages go back by themselves.
      class ReleaseRate < Allocators::Option
        def check(value)
          rates = Property::RELEASE_RATES
          return Float(value) if (value.is_a?(Integer) || value.is_a?(Float)) && Measured.within?(rates, value)
          raise InvalidValue, "#{name} takes a number from #{rates.begin} to #{rates.end}, not #{Formats.shown(value)}"
        end

        def value = Allocators::Tcmalloc.release_rate

        def set(value) = Property.set_release_rate(value)

        def line(value) = ["TCMALLOC_RELEASE_RATE", value.to_s]
      end

      # What tcmalloc reads when it starts and does not show.
      class AtStart < Allocators::Option
        SWITCHES = %w[disable_memory_release skip_mmap skip_sbrk].freeze
        COUNTS = {"transfer_num_obj" => 0..(2**31 - 1)}.freeze
        NAMES = [*SWITCHES, *COUNTS.keys].freeze

        def check(value)
          range = COUNTS[name.name]
          range ? integer(range, value) : boolean(value)
        end

        def value = nil

        def fixed = "#{name} is read when tcmalloc starts"

        def line(value)
          ["TCMALLOC_#{name.upcase}", {true => "1", false => "0"}.fetch(value, value).to_s]
        end
      end

      module_function

      # @return [Option, nil] nil for what tcmalloc has not
      # @raise [Unsupported] for what the running version has not
      def option(name)
        return ReleaseRate.new(name).tap(&:value) if name == "release_rate"
        return AtStart.new(name) if AtStart::NAMES.include?(name)
        OfProperty.new(Property.fetch("#{PREFIX}#{name.delete_prefix(PREFIX)}")) if known?(name)
      end

      # The option as it is for a process that is yet to start, of which only line and given? are asked.
      # @return [Option, nil] nil for what that version has not
      def starting(name, _version)
        return ReleaseRate.new(name) if name == "release_rate"
        AtStart::NAMES.include?(name) ? AtStart.new(name) : OfProperty.new(Property.new("#{PREFIX}#{name}"))
      end

      def known?(name)
        names.any? { |known| known.name == name.delete_prefix(PREFIX) }
      end

      def names
        properties(:live, :dangerous) + [:release_rate] + AtStart::NAMES.map(&:to_sym)
      end

      def usual
        properties(:live).select { |name| Property.new("#{PREFIX}#{name}").read } << :release_rate
      end

      def properties(*kinds)
        of_kinds = Property::KNOWN.values.select { |_, _, kind| kinds.include?(kind) }
        of_kinds.map { |name,| name.delete_prefix(PREFIX).to_sym }
      end
      private_class_method :properties
    end
  end
end
