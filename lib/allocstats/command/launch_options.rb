# frozen_string_literal: true

require "allocstats/facade"

module AllocStats
  module Command
    # What `exec` and `env` share: the options that choose an allocator and a profile, and what an error of theirs is to a
    # shell.
    class LaunchOptions
      # As of env(1), nice(1) and timeout(1): the command was not started.
      NOT_STARTED = 125

      TEXT = <<~HELP
        Which allocator it is, by the first of these that says so:
          --allocator, ALLOCSTATS_ALLOCATOR, then the buildpacks' #{Formats.listed(Launch::Choice::SWITCHES.keys)} (true; false where
          none is true is the C library's own malloc), else the first there is of those built with this gem, and of the
          system's #{Formats.listed(Launch::NAMES)}. The profile: --profile, ALLOCSTATS_PROFILE, else none.
      HELP

      # @param parser [OptionParser]
      def initialize(parser)
        parser.on("-a", "--allocator NAME", "#{Launch::NAMES.join(", ")}, with -VERSION behind it;",
          "#{Allocators.of_libc.map(&:id).join(" or ")}, the C library's own; or the path of a library") { |name| @allocator = name }
        parser.on("-p", "--profile PROFILE", "low_memory, balanced or throughput: what the allocator is told,",
          "unless the environment tells it otherwise") { |name| @profile = name }
      end

      # @return [Launch::Choice]
      # @raise [Failure]
      def choice
        @choice ||= checked { Launch::Choice.new(allocator: @allocator, profile: @profile) }
      end

      # @param base [#to_h] the environment that it is held against
      # @return [Launch::Plan]
      # @raise [Failure]
      def plan(base: ENV)
        raise Failure.new(Stub::MESSAGE, status: NOT_STARTED) unless AllocStats.supported?
        checked { Launch::Plan.new(allocator: choice.allocator, profile: choice.profile, base: base).tap(&:environment) }
      end

      # What was said wrongly is a matter of usage; what cannot be done is not.
      def checked
        yield
      rescue UnknownName, InvalidValue => error
        raise Failure, error.message
      rescue Unsupported, SystemCallError => error
        raise Failure.new(error.message, status: NOT_STARTED)
      end
    end
  end
end
