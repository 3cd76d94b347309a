# frozen_string_literal: true

require_relative "launch_options"

module AllocStats
  module Command
    # `allocstats env`: the lines that do what `allocstats exec` does, for a place that starts processes by itself.
    class Env
      autoload :Format, "allocstats/command/env/format"

      HELP = <<~TEXT
        Usage: allocstats env [options] [-- COMMAND [ARGUMENT ...]]

        Prints what sets the allocator and its profile, as `allocstats exec` would, in the words of a place that starts
        processes by itself. It is tried first, on this machine: paths are this machine's. For a shell, what its environment
        holds already is kept; the other formats begin with an empty one.

          eval "$(allocstats env --allocator #{Launch::NAMES.first} --profile balanced)"

      TEXT

      def initialize(arguments, stdout: $stdout, stderr: $stderr)
        @stdout = stdout
        @format = "shell"
        @parser = OptionParser.new(HELP)
        @options = LaunchOptions.new(@parser)
        @parser.on("-f", "--format FORMAT", Format::NAMES, "#{Format::NAMES.join(", ")}; shell unless given") { |name| @format = name }
        @parser.on("-h", "--help", "this text") { @help = true }
        @command = @parser.order(arguments)
      end

      # @return [Integer]
      def call
        return @stdout.puts(@parser.help, "", LaunchOptions::TEXT) || 0 if @help
        changes = @options.plan(base: (@format == "shell") ? ENV : {}).environment
        raise Failure, "a #{@format} has a command only in the format procfile" if @command.any? && @format != "procfile"
        @stdout.puts Format.lines(@format, changes, @command)
        0
      end
    end
  end
end
