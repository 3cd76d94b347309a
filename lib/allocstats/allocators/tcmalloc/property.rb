# frozen_string_literal: true

module AllocStats
  # One of the numeric properties of gperftools' tcmalloc. AllocStats.tcmalloc_property and its relatives are the way
  # in.
  #
  # - `name` (String) "tcmalloc.max_total_thread_cache_bytes"
  # - `unit` (Symbol) :bytes, :MiB, :count or :switch
  # - `kind` (Symbol) :read_only, :live or :dangerous
  # - `range` (Range, nil) of the values that AllocStats.tcmalloc_property takes; nil where it takes none
  # - `definition` (String) one sentence
  class Allocators::Tcmalloc::Property
    KNOWN = Ractor.make_shareable(Allocators::Tcmalloc.property_descriptions.to_h { |description| [description.first, description] })

    # Rates as tcmalloc's manual calls them reasonable end at 10.
    RELEASE_RATES = (0.0..1000.0)

    class << self
      # @return [Hash{String => Property}] those that the running version has
      def all
        Allocators.demand("tcmalloc_properties")
        KNOWN.keys.to_h { |name| [name, new(name)] }.select { |_, property| property.read }
      end

      # @raise [UnknownName] for what no version has, [Unsupported] for what another version has
      def fetch(name)
        Allocators.demand("tcmalloc_property")
        property = new(Allocators::Given.name_among(KNOWN, "numeric property of tcmalloc", name))
        return property if property.read
        raise Unsupported, "#{Allocators.title} has no property #{property.name}"
      end

      # @return [Float] the rate before
      def set_release_rate(rate)
        number = rate.is_a?(Integer) ? Float(rate) : rate
        unless number.is_a?(Float) && Measured.within?(RELEASE_RATES, number)
          raise InvalidValue, "the release rate is a number from #{RELEASE_RATES.begin} to #{RELEASE_RATES.end}, not #{Formats.shown(rate)}"
        end
        Allocators::Tcmalloc.release_rate.tap { Allocators::Tcmalloc.write_release_rate(number) }
      end
    end

    attr_reader :name, :unit, :kind, :range, :definition

    def initialize(name)
      @name, @unit, @kind, least, most, @definition = KNOWN.fetch(name)
      @range = (kind == :read_only) ? nil : (least..most)
      freeze
    end

    # @return [Integer, nil] nil where the running version has no such property
    def read
      Allocators::Tcmalloc.read_property(name)
    end
    alias_method :value, :read

    # @return [Integer] what was before
    # @raise [InvalidValue, ReadOnly, Refused] and nothing was changed
    def set(value, unsafe: false)
      raise ReadOnly, "#{name} can be read and not written" unless range
      raise Refused, "#{name} can make malloc fail (#{definition}); unsafe: true sets it all the same" if kind == :dangerous && !unsafe
      Allocators::Tcmalloc.write_property(name, Allocators::Given.integer_in(range, unit, name, value))
    end
  end
end
