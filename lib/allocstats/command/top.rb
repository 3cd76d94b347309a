# frozen_string_literal: true

require "allocstats/facade"
require "optparse"

module AllocStats
  module Command
    # `allocstats top`: the workers behind endpoints, or processes of this machine, one line each, as they are now and
    # again every few seconds. On a terminal it is a view that keys sort; elsewhere it is the table, again and again.
    class Top
      autoload :Endpoint, "allocstats/command/top/endpoint"
      autoload :LocalProcess, "allocstats/command/top/local_process"
      autoload :Readings, "allocstats/command/top/readings"
      autoload :Row, "allocstats/command/top/row"
      autoload :Screen, "allocstats/command/top/screen"
      autoload :Table, "allocstats/command/top/table"
      autoload :View, "allocstats/command/top/view"

      HELP = <<~TEXT
        Usage: allocstats top [--url URL ... | --pid PID ...] [options]

        Watches the memory of the workers behind an endpoint of allocstats, or of processes of this machine.
        Without an address or a pid: the endpoint at http://127.0.0.1:3000/allocator.

      TEXT

      FOOT = <<~TEXT

        RSS counts what processes share in each of them, PSS in equal parts; so what PSS sums to is what they take
        together. Live is what malloc has given out, kept what the allocator holds beyond that; neither can be seen of
        a process from outside. Growth is that of RSS since top began to watch. What is not known is a dash.

        In a terminal: r, p, l, k, g and i sort by RSS, PSS, live, kept, growth and pid, and the other way round when
        pressed again; the space bar reads at once; q ends.

        The token that opens the endpoint is taken from ALLOCSTATS_TOKEN.
      TEXT

      DEFAULT_URL = "http://127.0.0.1:3000/allocator"

      def initialize(arguments, stdout: $stdout, stderr: $stderr, stdin: $stdin)
        @stdin = stdin
        @stdout = stdout
        @urls = []
        @pids = []
        @interval = 2.0
        @order = Table::Order.new(:rss)
        @once = false
        rest = parser.parse(arguments)
        raise Failure, "top takes no argument #{rest.first.inspect}; addresses go with --url, pids with --pid" if rest.any?
        raise Failure, "top watches either endpoints (--url) or processes (--pid), not both" if @urls.any? && @pids.any?
      end

      # @return [Integer] 0; 128 and the signal's number where one ended it
      def call
        return show_help if @help
        readings = Readings.new(sources, seconds: @interval)
        readings.first! # where nothing can be read, nothing begins
        return once(readings) if @once
        View.new(readings, order: @order, title: title, stdout: @stdout, screen: screen).run
      end

      private

      def parser
        OptionParser.new do |options|
          options.banner = HELP
          options.on("-u", "--url URL", "an endpoint's address; as often as there are some") { |url| @urls << url }
          options.on("-p", "--pid PID", "a process of this machine; as often as there are some") { |pid| @pids << pid }
          options.on("-i", "--interval SECONDS", Float, "between two readings (2)") { |seconds| @interval = positive(seconds) }
          options.on("-s", "--sort COLUMN", Row::SORTS.keys.map(&:to_s), "by #{Row::SORTS.keys.join(", ")} (rss)") { |name| @order = Table::Order.new(name.to_sym) }
          options.on("-1", "--once", "print one table and end") { @once = true }
          options.on("-h", "--help", "this text") { @help = true }
          options.separator FOOT
        end
      end

      def show_help
        @stdout.puts parser.help
        0
      end

      def positive(seconds)
        return seconds if seconds.finite? && seconds >= 0.1
        raise Failure, "the interval is a tenth of a second at least: #{seconds}"
      end

      def sources
        return @pids.uniq.map { |pid| LocalProcess.new(pid) } if @pids.any?
        urls = @urls.empty? ? [DEFAULT_URL] : @urls.uniq
        urls.map { |url| Endpoint.new(url, named: urls.size > 1) }
      end

      def title
        return "#{@pids.size} #{(@pids.size == 1) ? "process" : "processes"}" if @pids.any?
        @urls.empty? ? DEFAULT_URL : @urls.map { |url| Remote.new(url).address }.join(", ")
      end

      def once(readings)
        @stdout.puts Table.new(readings.rows, order: @order, remarks: readings.remarks).lines
        0
      end

      # Only a terminal is drawn on; what reads from a pipe gets lines.
      def screen
        Screen.new(@stdin, @stdout) if @stdout.tty? && ENV["TERM"] != "dumb"
      end
    end
  end
end
