# frozen_string_literal: true

module AllocStats
  module Allocators::Tcmalloc
    # What AllocStats has of tcmalloc's own methods.
    module NativeApi
      METHODS = %w[tcmalloc_property tcmalloc_properties tcmalloc_release_rate tcmalloc_release_free_memory].freeze
      NEEDLESS = {}.freeze
      HELP = {tcmalloc_property: "a property; tcmalloc_properties lists them"}.freeze

      # One of the numeric properties of gperftools' tcmalloc: reads it, or sets it, reads it back and answers what was
      # before.
      #
      #   AllocStats.tcmalloc_property("tcmalloc.max_total_thread_cache_bytes", 8 << 20)   # => 33554432
      #
      # @param unsafe [Boolean] also set "tcmalloc.heap_limit_mb", above which malloc fails
      # @return [Integer]
      # @raise [UnknownName, Unsupported, InvalidValue, ReadOnly, Refused] before anything was changed
      def tcmalloc_property(name, value = Allocators::Given::NOTHING, unsafe: false)
        property = Property.fetch(name)
        value.equal?(Allocators::Given::NOTHING) ? property.value : property.set(value, unsafe: unsafe)
      end

      # The numeric properties that the running tcmalloc has. Property.all says what they are.
      # @return [Hash{String => Integer}] name => value
      def tcmalloc_properties
        Property.all.transform_values(&:value)
      end

      # How fast tcmalloc gives free pages back by itself: 0 is never, 1 is its default. With a rate: sets it, and answers
      # what it was.
      # @return [Float]
      # @raise [Unsupported] where the running library does not export it
      def tcmalloc_release_rate(rate = Allocators::Given::NOTHING)
        Allocators.demand("tcmalloc_release_rate")
        rate.equal?(Allocators::Given::NOTHING) ? Allocators::Tcmalloc.release_rate : Property.set_release_rate(rate)
      end

      # Gives all free pages of tcmalloc's page heap back. Without the GVL. AllocStats.purge does this and more.
      # @return [Integer] bytes
      def tcmalloc_release_free_memory
        Allocators.demand("tcmalloc_release_free_memory")
        Allocators::Tcmalloc.release_free_memory
      end
    end
  end
end
