# frozen_string_literal: true

module AllocStats
  module Launch
    # Which allocator and which profile are asked for, by the first of these that says so:
    #
    # 1. what was given to the command
    # 2. ALLOCSTATS_ALLOCATOR and ALLOCSTATS_PROFILE
    # 3. the buildpacks' variables, true: JEMALLOC_ENABLED, MIMALLOC_ENABLED; where none is true and one is false, the
    #    C library's own malloc
    #
    # and where none does, nobody: `allocator` is nil. An empty variable is one that is not set.
    class Choice
      ALLOCATOR = "ALLOCSTATS_ALLOCATOR"
      PROFILE = "ALLOCSTATS_PROFILE"
      SWITCHES = Allocators.preloadable.filter_map { |allocator| [allocator.packages.switch, allocator.id.name] if allocator.packages.switch }.to_h.freeze
      WORDS = {"true" => true, "1" => true, "yes" => true, "on" => true, "false" => false, "0" => false, "no" => false, "off" => false}.freeze

      # [String, nil]
      attr_reader :allocator, :profile

      # @raise [InvalidValue] for variables that say nothing, or two things
      def initialize(allocator: nil, profile: nil, environment: ENV)
        @environment = environment
        @allocator = allocator || set(ALLOCATOR) || by_switch
        @profile = profile || set(PROFILE)
      end

      private

      def set(variable)
        text = @environment[variable]
        text unless text.nil? || text.empty?
      end

      def by_switch
        switches = SWITCHES.keys.to_h { |variable| [variable, switch(variable)] }.compact
        on = switches.select { |_, value| value }.keys
        raise InvalidValue, "#{on.join(" and ")} are both true: one process has one malloc" if on.size > 1
        return SWITCHES.fetch(on.first) if on.any?
        "libc" if switches.any?
      end

      def switch(variable)
        text = set(variable)
        WORDS.fetch(text.b.downcase) { raise InvalidValue, "#{variable} is true or false, not #{Formats.shown(text)}" } if text
      end
    end
  end
end
