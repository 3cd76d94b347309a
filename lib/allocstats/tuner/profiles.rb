# frozen_string_literal: true

module AllocStats
  class Tuner
    # What AllocStats.tune(:low_memory), (:balanced) and (:throughput) stand for: by each allocator's own `profiles`.
    module Profiles
      NAMES = %i[low_memory balanced throughput].freeze

      module_function

      # @raise [UnknownName]
      def name_of(profile)
        NAMES.find { |name| name == profile || name.name == profile } or raise UnknownName.among("profile", profile, NAMES)
      end

      # @return [Hash] option => value
      # @raise [KeyError] for an allocator that has none
      def of(allocator, profile, version)
        Allocators.fetch(allocator).profiles(version).fetch(profile)
      end

      # The same for a process that is yet to start under this version: the options that it has.
      # @return [Array] of [Allocators::Option, value]
      def starting(allocator, profile, version)
        of(allocator, profile, version).filter_map { |name, value|
          option = Allocators.fetch(allocator).options.starting(name.name, version)
          [option, option.check(value)] if option
        }
      end
    end
  end
end
