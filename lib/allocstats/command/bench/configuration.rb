# frozen_string_literal: true

module AllocStats
  module Command
    class Bench
      # What a measured process is started with: an allocator, and what a profile sets of it. The same as
      # `allocstats exec` sets, but on top of an environment that says nothing of allocators, so that all begin alike.
      class Configuration
        # What says something to an allocator, or to allocstats about one.
        FOREIGN = Regexp.union(*Allocators.map(&:steering), *Launch::Choice::SWITCHES.keys.map { |switch| /\A#{switch}\z/ },
          /\A(?:LD_PRELOAD|ALLOCSTATS_(?:ALLOCATOR|PROFILE))\z/)
        STOCK = "none"

        # Each allocator with each profile; all of one allocator one after the other.
        # @param allocators [Array<String>] as `exec --allocator` takes them; empty for the C library's own and the first
        #   that is here of each other one
        # @param profiles [Array<String>] names, and "none" for the allocator as it comes
        # @return [Array<Configuration>]
        # @raise [Failure]
        def self.all(allocators, profiles)
          allocators = ["libc", *present] if allocators.empty?
          allocators.uniq.product(profiles.uniq).map { |allocator, profile| new(allocator, (profile unless profile == STOCK)) }
        rescue UnknownName, InvalidValue => error
          raise Failure, error.message
        rescue Unsupported => error
          raise Failure.new(error.message, status: UNAVAILABLE)
        end

        def self.present
          Launch.libraries.reject(&:problem).map { |library| library.name.name }.uniq
        end
        private_class_method :present

        # [Symbol], [String, nil] and [Symbol, nil]; as the allocator itself answers
        attr_reader :allocator, :version, :profile

        # [Hash] variable => text, or nil for one that has to go
        attr_reader :environment

        # @raise [Error]
        def initialize(allocator, profile)
          plan = Launch::Plan.new(allocator: allocator, profile: profile, base: ENV.to_h.reject { |name, _| FOREIGN.match?(name) })
          @allocator = plan.name
          @version = plan.version
          @profile = plan.profile
          @environment = ENV.keys.grep(FOREIGN).to_h { |name| [name, nil] }.merge(plan.environment).freeze
        end

        def title = [allocator, version].compact.join(" ")

        # "jemalloc 5.3.0, low_memory"
        def to_s = [title, profile].compact.join(", ")

        def to_h = {allocator: allocator, version: version, profile: profile, environment: environment.compact}
      end
    end
  end
end
