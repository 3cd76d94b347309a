# frozen_string_literal: true

require "shellwords"

module AllocStats
  module Command
    class Bench
      # `allocstats bench app`: how an application's memory grows under its own requests.
      class ApplicationOptions
        HELP = <<~TEXT
          Usage: allocstats bench app --command COMMAND [--url URL] [options]
                 allocstats bench app --url URL [--endpoint URL | --pid PID] [options]

          Replays paths against an application and tells how its memory grows: requests and memory by interval, MiB for
          each thousand requests and for each hour, and what is left when it has rested and was purged.

          With --command, the server is started for each allocator and profile, in turn; it has to listen where --url
          says, or on the port in PORT (%{port} in the command stands for it as well). With --url alone, the server
          that runs there is measured as it is.

        TEXT

        FOOT = <<~TEXT

          PATHS is a file with one path a line, or a list with commas: /,/products?page=2. Paths are asked for with GET, in
          their order, again and again. Memory is that of all processes of the server: of one that was started here, and of
          --pid and its children, their PSS, in which shared pages count once; of another one the RSS that its workers
          report at the endpoint, every ten seconds. The endpoint (URL/allocator unless said) also does the purging, with
          the token in ALLOCSTATS_CHANGE_TOKEN.

          A server that is started here gets a token of its own in ALLOCSTATS_TOKEN and ALLOCSTATS_CHANGE_TOKEN, so that it
          can be purged where it has an endpoint. Control and C ends it all and leaves what was measured until then.
        TEXT

        def initialize(arguments, stdout:, stderr:)
          @stdout = stdout
          @stderr = stderr
          @headers = {}
          @plan = {paths: ["/"], requests: 2000, intervals: 20, clients: 4, warmup: nil, settle: 4.0, boot: 60.0}
          rest = parser.parse(arguments)
          raise Failure, "bench app takes no argument #{rest.first.inspect}; the server's command goes with --command" if rest.any?
        end

        # @return [Integer] the exit status
        def call
          return @stdout.puts(parser.help) || 0 if @help
          check
          progress = Progress.new(@stderr, shown: @options.progress)
          application = Application.new(headers: @headers, progress: progress, **@plan)
          turns = Turns.new(configurations, rounds: @options.rounds, progress: progress)
          turns.take { |configuration, runs| application.run(server(configuration), runs) }
          Bench.tell(ApplicationResult.new(application, turns.runs), turns, @options, "application", @stdout)
        end

        private

        def parser
          @parser ||= OptionParser.new(HELP) do |options|
            where(options)
            what(options)
            options.separator ""
            @options = Options.new(options, profiles: ["none"])
            options.on("-h", "--help", "this text") { @help = true }
            options.separator FOOT
          end
        end

        def where(options)
          options.on("-c", "--command COMMAND", "starts the server") { |text| @command = split(text) }
          options.on("-u", "--url URL", "where it listens") { |url| @url = Remote.new(url) && url.chomp("/") }
          options.on("-e", "--endpoint URL", "of allocstats in it (URL/allocator)") { |url| @endpoint = Remote.new(url) && url }
          options.on("--pid PID", "of a server that runs on this machine") { |pid| @pid = pid }
        end

        def what(options)
          options.on("--paths PATHS", "a file or a list (/)") { |text| @plan[:paths] = Load.paths(text) }
          options.on("--header LINE", "for each request, as 'Name: value'; as often as there are some") { |line| @headers.store(*header(line)) }
          options.on("-s", "--size SHARE", Float, "of the number of requests (1)") { |size| @size = Options.positive("the size", size) }
          options.on("-n", "--requests N", Integer, "after the warm-up (#{@plan[:requests]})") { |count| @plan[:requests] = Options.positive("requests", count) }
          options.on("--warm-up N", Integer, "requests before anything is measured (a quarter of them)") { |count| @plan[:warmup] = Options.positive("the warm-up", count) }
          options.on("--intervals N", Integer, "they are divided into (#{@plan[:intervals]})") { |count| @plan[:intervals] = Options.positive("intervals", count) }
          options.on("--clients N", Integer, "at the same time (#{@plan[:clients]})") { |count| @plan[:clients] = Options.positive("clients", count) }
          options.on("--settle SECONDS", Float, "of rest before the last readings (4)") { |seconds| @plan[:settle] = Options.positive("the rest", seconds) }
          options.on("--boot SECONDS", Float, "the server has to answer in (60)") { |seconds| @plan[:boot] = Options.positive("the time to boot", seconds) }
        end

        def split(text)
          Shellwords.split(text).tap { |words| raise Failure, "the command is empty" if words.empty? }
        rescue ArgumentError
          raise Failure, "the command has a quotation mark without its other one: #{text}"
        end

        def header(line)
          name, value = line.split(/:\s*/, 2)
          return [name, value] if value && name.match?(/\A[\w-]+\z/) && !value.match?(/[\r\n]/)
          raise Failure, "a header is a name, a colon and a value: #{line.inspect}"
        end

        def check
          raise Failure, "bench app needs --command, or --url of a server that runs" unless @command || @url
          raise Failure, "--pid is about a server that runs already, --command about one that is yet to start" if @command && @pid
          raise Failure, "the allocator of a running server cannot be chosen: --allocator and --profile go with --command" if @options.configured? && !@command
          @plan[:requests] = [(@plan[:requests] * @size).round, 1].max if @size
          @plan[:intervals] = @plan[:requests] if @plan[:intervals] > @plan[:requests]
        end

        # Of a server that runs, the one that it has.
        def configurations
          @command ? @options.configurations : [nil]
        end

        def server(configuration)
          return RunningServer.new(@url, endpoint: @endpoint, pid: @pid) unless @command
          StartedServer.new(@command, configuration: configuration, url: @url, endpoint: @endpoint, boot: @plan[:boot])
        end
      end
    end
  end
end
