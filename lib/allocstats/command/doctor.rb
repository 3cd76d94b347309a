# frozen_string_literal: true

require "allocstats/facade"

module AllocStats
  module Command
    # `allocstats doctor`: says what is wrong with a process's memory. Of itself without options: what a process started
    # in this environment gets, which in a container answers for the image.
    #
    # Exits with 0 (healthy), 1 (warnings) or 2 (wrong); 64, 66, 69 and 77 where it could not look.
    class Doctor
      def initialize(arguments, stdout: $stdout, stderr: $stderr)
        @stdout = stdout
        @options = {}
        @rest = parser.parse(arguments)
      end

      # @return [Integer] the exit status
      # @raise [Failure]
      def call
        return @stdout.puts(parser.help) || 0 if @options[:help]
        raise Unsupported, Stub::MESSAGE unless AllocStats.supported?
        refuse_contradictions
        diagnosis = @options[:url] ? of_endpoint : Pid.looking { Diagnosis.of(local) }
        @stdout.write(@options[:json] ? Formats::Json.generate(diagnosis) : text(diagnosis))
        diagnosis.status
      rescue Unsupported => error
        raise Failure.new(error.message, status: UNAVAILABLE)
      rescue Error => error
        raise Failure, error.message
      end

      private

      def parser
        @parser ||= OptionParser.new do |parser|
          parser.banner = "Usage: allocstats doctor [--pid N | --url URL] [options]"
          parser.separator ""
          parser.separator "Says what is wrong with a process's memory, what it costs and what mends it. Without --pid and --url it"
          parser.separator "looks at itself: at a Ruby that was started in this environment. Exits with 0 where nothing was found,"
          parser.separator "1 with warnings and 2 where something is wrong."
          parser.separator ""
          declare(parser)
        end
      end

      def declare(parser)
        parser.on("--pid N", /\A\d+\z/, "another process of this machine, as far as /proc shows it") { |text| @options[:pid] = Integer(text, 10) }
        parser.on("--url URL", "a process behind an endpoint: http://HOST:PORT/allocator") { |text| @options[:url] = text }
        parser.on("--token TOKEN", "opens that endpoint; ALLOCSTATS_TOKEN says it unseen by others") { |text| @options[:token] = text }
        parser.on("--expect ALLOCATOR", "find it wrong when another one runs") { |text| @options[:expect] = text }
        parser.on("--wait SECONDS", Float, "take two readings, so far apart, to see what grows") { |seconds| @options[:wait] = seconds }
        parser.on("--purge", "purge between them, of the process itself") { @options[:purge] = true }
        parser.on("--json", "the same for programs") { @options[:json] = true }
        parser.on("-h", "--help", "this") { @options[:help] = true }
      end

      def refuse_contradictions
        raise Failure, "doctor takes options only, not #{@rest.first.inspect}" if @rest.any?
        raise Failure, "--pid and --url are two processes: name one" if @options[:pid] && @options[:url]
        raise Failure, "--token opens an endpoint: it goes with --url" if @options[:token] && !@options[:url]
        raise Failure, "--purge is for the time between two readings: it goes with --wait" if @options[:purge] && !@options[:wait]
        raise Failure, "only a process itself can purge: --purge does not go with --pid and --url" if @options[:purge] && (@options[:pid] || @options[:url])
      end

      def options
        {limits: Diagnosis::Limits.new(expect: @options[:expect]), wait: Diagnosis.seconds(@options[:wait]), purge: @options[:purge] || false}
      end

      def local
        return Diagnosis::Target::Outside.new(@options[:pid], **options) if @options[:pid]
        Diagnosis::Target::Itself.new(**options)
      end

      # Whatever is at that address may answer anything.
      def of_endpoint
        remote = Remote.new(@options[:url], token: @options[:token])
        return judged_here(remote) if @options[:wait] || @options[:expect]
        Diagnosis::Told.read(remote.get("doctor.json"), remote.address)
      rescue Failure => error
        raise unless error.status == NOT_FOUND && remote
        older(remote)
      end

      # What takes two readings, or was not asked there, is judged by what the endpoint reports of itself.
      def judged_here(remote)
        Diagnosis.of(Diagnosis::Target::Remote.new(-> { remote.get("report.json") }, address: remote.address, **options))
      rescue NoMethodError, TypeError, KeyError, ArgumentError
        raise Failure.new("#{remote.address} answers something that is no report of this version of allocstats", status: UNAVAILABLE)
      end

      # It answers as an endpoint, and cannot judge itself.
      def older(remote)
        report = remote.get("report.json")
        Diagnosis::Target::Remote.new(-> { report }, address: remote.address)
        raise Failure.new("#{remote.address} is an endpoint of an older version of allocstats, #{Formats.line(report[:allocstats].to_s)[0, 20]}: it has no doctor.json. With --wait SECONDS it is judged from here", status: UNAVAILABLE)
      end

      def text(diagnosis)
        Diagnosis::Text.new(diagnosis, colour: Formats::Text.colour?(@stdout)).to_s
      end
    end
  end
end
