# frozen_string_literal: true

require_relative "launch_options"

module AllocStats
  module Command
    # `allocstats exec`: becomes the command, with an allocator in front of it. It is the same process: pid, descriptors,
    # signals and exit status are the command's own.
    class Exec
      # As of env(1): the command is there and cannot be run; there is none.
      NOT_EXECUTABLE = 126
      NOT_THERE = 127

      HELP = <<~TEXT
        Usage: allocstats exec [options] [--] COMMAND [ARGUMENT ...]

        Becomes COMMAND, with the allocator in front in LD_PRELOAD and the profile's settings in the environment. What is in
        LD_PRELOAD stays, but for another allocator; what the allocator's own variables say stays too, and goes before the
        profile, key by key. A process is tried with it first: where that does not run under the allocator, nothing is
        started.

      TEXT

      STATUSES = <<~TEXT

        Exit status: that of COMMAND; 64 for what was asked wrongly, 125 where the allocator is not here or does not work,
        126 for a COMMAND that cannot be run, 127 for one that is not there.
      TEXT

      def initialize(arguments, stdout: $stdout, stderr: $stderr)
        @stdout = stdout
        @parser = OptionParser.new(HELP)
        @options = LaunchOptions.new(@parser)
        @parser.on("-o", "--only NAMES", "the programs that it is meant for, with commas between: ruby,sidekiq;",
          "what they start that has another name is spared") { |names| @only = names }
        @parser.on("--heap-profile FILE", "profile each Ruby from its start and write FILE at its end, in the form that its",
          "name ends with: .html, .pb.gz, .txt, .heap, ...; see docs/heap_profile.md") { |file| @heap_profile = file }
        @parser.on("-h", "--help", "this text") { @help = true }
        # Bytes, which need be no text: what follows is the command's business.
        @command = @parser.order(arguments.map(&:b))
      end

      # Returns only where there is help to print.
      # @raise [Failure]
      def call
        return @stdout.puts(@parser.help, "", LaunchOptions::TEXT, STATUSES) || 0 if @help
        raise Failure, "exec needs a command: allocstats exec [options] -- COMMAND" if @command.empty?
        become(@options.plan)
      end

      private

      def become(plan)
        name, *arguments = @only ? [Launch::ExecFilter::COMMAND, *@command] : @command
        Kernel.exec({**chosen(plan), **Launch::ExecFilter.absent, **environment(plan), **heap_profile}, [name, name], *arguments, close_others: false)
      rescue Errno::ENOENT
        raise Failure.new("there is no command #{shown(name)}", status: NOT_THERE)
      rescue SystemCallError => error
        raise Failure.new("#{shown(name)} cannot be run: #{error.message.sub(/ - .*/m, "")}", status: NOT_EXECUTABLE)
      end

      # Told on, so that require "allocstats/preload" in the command agrees with it.
      def chosen(plan)
        given = plan.library.path if plan.library&.origin == :given
        {Launch::Choice::ALLOCATOR => given || @options.choice.allocator || plan.name.name, Launch::Choice::PROFILE => plan.profile&.name}.compact
      end

      def environment(plan)
        return plan.environment unless @only
        @options.checked { Launch::ExecFilter.environment(plan.environment, library: plan.library, names: Launch::ExecFilter.names(@only)) }
      end

      def heap_profile
        @heap_profile ? @options.checked { HeapProfile::AtExit.environment(@heap_profile) } : {}
      end

      def shown(name) = Formats.shown(name.dup.force_encoding(Encoding::UTF_8))
    end
  end
end
