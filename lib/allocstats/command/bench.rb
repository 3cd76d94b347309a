# frozen_string_literal: true

require "allocstats/facade"
require "etc"
require "optparse"

module AllocStats
  module Command
    # `allocstats bench`: allocators and profiles against each other, each in processes of its own and in turn: with the
    # published benchmark, or with an application's own requests.
    class Bench
      autoload :Application, "allocstats/command/bench/application"
      autoload :ApplicationOptions, "allocstats/command/bench/application_options"
      autoload :ApplicationResult, "allocstats/command/bench/application_result"
      autoload :Chart, "allocstats/command/bench/chart"
      autoload :Child, "allocstats/command/bench/child"
      autoload :Configuration, "allocstats/command/bench/configuration"
      autoload :Load, "allocstats/command/bench/load"
      autoload :Options, "allocstats/command/bench/options"
      autoload :Processes, "allocstats/command/bench/processes"
      autoload :Progress, "allocstats/command/bench/progress"
      autoload :Published, "allocstats/command/bench/published"
      autoload :PublishedResult, "allocstats/command/bench/published_result"
      autoload :RunningServer, "allocstats/command/bench/running_server"
      autoload :StartedServer, "allocstats/command/bench/started_server"
      autoload :Turns, "allocstats/command/bench/turns"

      HELP = <<~TEXT
        Usage: allocstats bench [options]
               allocstats bench app --url URL | --command COMMAND [options]

        Measures allocators and profiles against each other: resident memory and time of the published benchmark, in
        which threads make strings in rounds and throw them away. `allocstats bench app --help` is about your own
        application.

      TEXT

      FOOT = <<~TEXT

        Each run is a process of its own that begins with the same warm-up; nothing in the environment speaks of
        allocators but what the profile sets. Resident memory is told over where the process was after that warm-up: at
        the end of the work, after the rest, and after AllocStats.purge. Control and C ends it and leaves what
        was measured until then.
      TEXT

      SIZE = 0.1

      def initialize(arguments, stdout: $stdout, stderr: $stderr)
        @stdout = stdout
        @stderr = stderr
        @size = SIZE
        @settle = Published::SETTLE
        name, *rest = arguments
        (name == "app") ? @application = ApplicationOptions.new(rest, stdout: stdout, stderr: stderr) : parse(arguments)
      end

      # @return [Integer] 0; 128 and the signal's number where one ended it
      def call
        return @application.call if @application
        return @stdout.puts(parser.help) || 0 if @help
        published = Published.new(size: @size, settle: @settle)
        turns = Turns.new(@options.configurations, rounds: @options.rounds, progress: Progress.new(@stderr, shown: @options.progress))
        turns.take { |configuration, runs| runs << published.run(configuration.environment) }
        Bench.tell(PublishedResult.new(published, turns.runs), turns, @options, "published", @stdout)
      end

      # The machine, for whoever compares.
      def self.machine
        uname = Etc.uname
        {ruby: RUBY_DESCRIPTION, system: "#{uname[:sysname]} #{uname[:release]} #{uname[:machine]}", processors: Etc.nprocessors}
      end

      # Prints and writes a result, as far as it came.
      # @return [Integer] the exit status
      def self.tell(result, turns, options, kind, stdout)
        measured = turns.runs.any?
        document = {allocstats: VERSION, benchmark: kind, time: Time.now, machine: machine, complete: turns.complete?, failures: turns.failures.transform_keys(&:to_s), **result.to_h}
        (options.json == "-") ? stdout.puts(Formats::Json.generate(document)) : print_text(result, turns, stdout)
        File.write(options.json, Formats::Json.generate(document)) if options.json && options.json != "-"
        File.write(options.svg, result.chart.to_svg) if options.svg && measured
        turns.status
      end

      def self.print_text(result, turns, stdout)
        stdout.puts machine.values_at(:ruby, :system).join(", ") + ", #{machine[:processors]} processors"
        turns.runs.any? ? stdout.puts(*result.lines) : stdout.puts("nothing was measured")
        turns.failures.each { |configuration, sentence| stdout.puts "", "#{configuration || "it"} failed: #{sentence}" }
        stdout.puts "", "It was ended before all was measured." if turns.failures.empty? && !turns.complete?
      end
      private_class_method :print_text

      private

      def parse(arguments)
        rest = parser.parse(arguments)
        raise Failure, "bench takes no argument #{rest.first.inspect}; `allocstats bench app` is about an application" if rest.any?
      end

      def parser
        @parser ||= OptionParser.new(HELP) do |options|
          @options = Options.new(options, profiles: ["none", "low_memory"])
          options.on("-s", "--size SHARE", Float, "of the published size, which takes minutes a run (#{SIZE})") { |size| @size = Options.positive("the size", size) }
          options.on("--settle SECONDS", Float, "of rest after the work (4)") { |seconds| @settle = Options.positive("the rest", seconds) }
          options.on("-h", "--help", "this text") { @help = true }
          options.separator FOOT
        end
      end
    end
  end
end
