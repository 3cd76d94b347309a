# frozen_string_literal: true

require "optparse"
require_relative "version"
require_relative "formats"

module AllocStats
  # The command `allocstats`: a subcommand is a class in lib/allocstats/command, which is loaded when it is asked for.
  #
  #   AllocStats::Command.run(["doctor", "--json"])   # => its exit status
  #
  # What goes wrong is one sentence on stderr and an exit status of its own (those of sysexits.h); nothing was then
  # started. The statuses of `doctor` (0, 1, 2) and of the command that `exec` becomes are their own.
  module Command
    # One subcommand: what it is called, what the list of --help says of it, and where it is.
    Entry = Struct.new(:name, :summary, :constant, keyword_init: true)

    LIST = [
      Entry.new(name: "exec", summary: "run a command under an allocator", constant: :Exec),
      Entry.new(name: "env", summary: "print what sets it, for a shell, a Dockerfile, a Procfile, ...", constant: :Env),
      Entry.new(name: "versions", summary: "list the allocators that are here, and where each came from", constant: :Versions),
      Entry.new(name: "doctor", summary: "say what is wrong with a process's memory, and what mends it", constant: :Doctor),
      Entry.new(name: "top", summary: "watch the memory of workers or processes", constant: :Top),
      Entry.new(name: "bench", summary: "measure allocators and profiles against each other", constant: :Bench)
    ].each(&:freeze).freeze

    LIST.each { |entry| autoload entry.constant, "allocstats/command/#{entry.name}" }
    autoload :Pid, "allocstats/command/pid"
    autoload :Remote, "allocstats/command/remote"
    autoload :Signals, "allocstats/command/signals"

    # EX_USAGE, EX_NOINPUT, EX_UNAVAILABLE and EX_NOPERM of sysexits.h.
    USAGE = 64
    NOT_FOUND = 66
    UNAVAILABLE = 69
    NOT_PERMITTED = 77

    # What ends a command before it has begun: one sentence, and the status to leave with.
    class Failure < StandardError
      attr_reader :status

      def initialize(message, status: USAGE)
        super(message)
        @status = status
      end
    end

    module_function

    # Each subcommand is built with its arguments and the streams, and its `call` answers the exit status.
    # @return [Integer]
    def run(arguments, stdout: $stdout, stderr: $stderr)
      name, *rest = arguments
      case name
      when nil then help(stderr, USAGE)
      when "help", "--help", "-h" then rest.empty? ? help(stdout, 0) : run([find(rest.first).name, "--help"], stdout: stdout, stderr: stderr)
      when "version", "--version" then stdout.puts("allocstats #{VERSION}") || 0
      else const_get(find(name).constant).new(rest, stdout: stdout, stderr: stderr).call
      end
    rescue Failure => failure
      stderr.puts "allocstats: #{Formats.printable(failure.message)}"
      failure.status
    rescue OptionParser::ParseError => error
      stderr.puts "allocstats #{name}: #{Formats.line(error.message)}; `allocstats #{name} --help` lists what there is"
      USAGE
    rescue Errno::EPIPE # whoever read has seen enough
      0
    end

    def find(name)
      LIST.find { |entry| entry.name == name } or
        raise Failure, "there is no command #{name.inspect}; there are #{LIST.map(&:name).join(", ")}"
    end

    def help(stream, status)
      width = LIST.map { |entry| entry.name.length }.max
      stream.puts "Usage: allocstats COMMAND [options]", "",
        LIST.map { |entry| "  #{entry.name.ljust(width)}  #{entry.summary}" }, "",
        "`allocstats help COMMAND` says more of each."
      status
    end
  end
end
