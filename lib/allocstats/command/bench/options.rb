# frozen_string_literal: true

module AllocStats
  module Command
    class Bench
      # What both benchmarks take.
      class Options
        attr_reader :rounds, :json, :svg, :progress

        # @param profiles [Array<String>] those without --profile
        def initialize(parser, profiles:)
          @allocators = []
          @profiles = []
          @default_profiles = profiles
          @rounds = 1
          parser.on("-a", "--allocator NAME,...", Array, "as of `allocstats exec`; all that are here unless said") { |names| @allocators.concat(names) }
          parser.on("-p", "--profile PROFILE,...", Array, "none, #{Tuner::Profiles::NAMES.join(", ")} (#{profiles.join(",")})") { |names| @profiles.concat(names) }
          parser.on("-r", "--rounds N", Integer, "of all configurations, in turn (1)") { |count| @rounds = Options.positive("rounds", count) }
          parser.on("-j", "--json FILE", "write what was measured; - is stdout") { |path| @json = writable(path) }
          parser.on("-g", "--svg FILE", "draw it") { |path| @svg = writable(path) }
          parser.on("--[no-]progress", "say on stderr what is under way; on a terminal unless said") { |shown| @progress = shown }
        end

        def self.positive(name, number)
          return number if number.positive? && (number.is_a?(Integer) || number.finite?)
          raise Failure, "#{name} must be more than 0, not #{number}"
        end

        # @return [Array<Configuration>] each tried
        # @raise [Failure]
        def configurations
          Configuration.all(@allocators, @profiles.empty? ? @default_profiles : @profiles)
        end

        # Whether --allocator or --profile was given.
        def configured? = @allocators.any? || @profiles.any?

        private

        # Hours of work are not lost to a folder that is not there.
        def writable(path)
          return path if path == "-"
          folder = File.dirname(path)
          raise Failure.new("#{path} cannot be written: #{folder} is no folder that can be written to", status: NOT_PERMITTED) unless File.directory?(folder) && File.writable?(folder)
          raise Failure.new("#{path} cannot be written", status: NOT_PERMITTED) if File.exist?(path) && !(File.file?(path) && File.writable?(path))
          path
        end
      end
    end
  end
end
