# frozen_string_literal: true

require "rbconfig"

module AllocStats
  module Launch
    # What this process would have to be started with to be started again: the program and its arguments, from
    # /proc/self/cmdline, which has Ruby's own options too.
    #
    # Setting the process's title writes over that. `bundle exec` does so before it loads a script, and Puma before it loads
    # the application; of these two it is known that they leave $0 and ARGV as they were, so that [ruby, $0, *ARGV] is the
    # same command but for Ruby's own options: Puma's own restart does as much. RUBYOPT is in the environment.
    class StartCommand
      # Programs that hold what a second start would lose.
      GUESTS = {
        "Spring::Application" => "Spring keeps a connection to its server open in this process: start `allocstats exec -- bin/spring server` instead",
        "PhusionPassenger" => "Passenger talks to this process already: name a script that runs `allocstats exec -- ruby \"$@\"` in passenger_ruby instead"
      }.freeze

      STDIN_NAMES = %w[- /dev/stdin].freeze

      # @param daemon [Boolean] whether it was forked only to be in the background, and its parent has ended
      def initialize(daemon: false, cmdline: File.binread("/proc/self/cmdline"), stat: File.binread("/proc/self/stat"), script: $PROGRAM_NAME, arguments: ARGV)
        @cmdline = cmdline.split("\0", -1)[0..-2]
        @forked = !daemon && Procfs::Folder::Stat.new(stat).forked?
        @script = script.b
        @arguments = arguments.map(&:b)
      end

      # A sentence for why it cannot be started again, nil where it can.
      def obstacle
        return "this process was forked from another one, whose arguments it has" if @forked
        return GUESTS[guest] if guest
        return "its program came from standard input, which has been read" if STDIN_NAMES.include?(@script)
        return "its arguments can no longer be read, since its title was written over them" unless intact? || rewritten?
        return "it was started with the option -C, which would count twice" if intact? && own_options.any? { |option| option.match?(/\A-[CX]/n) }
        "its program, #{readable(@script)}, is no file that could be read again" unless one_liner? || File.file?(@script)
      end

      # [[program, name], argument, ...], as Kernel#exec takes it.
      def to_a
        name, *arguments = intact? ? @cmdline : [RbConfig.ruby, @script, *@arguments]
        [[File.readlink("/proc/self/exe"), name], *arguments]
      end

      private

      def guest
        @guest ||= GUESTS.keys.find { |name| Object.const_defined?(name) }
      end

      # Whether the script is where it must be among the arguments.
      def intact?
        !script_index.nil?
      end

      def script_index
        arguments = @cmdline.drop(1)
        return arguments.index { |argument| argument.match?(/\A-[^-]*e/n) } if one_liner?
        arguments.index { |argument| argument == @script || File.basename(argument) == File.basename(@script) }
      end

      def own_options
        @cmdline[1, script_index]
      end

      def one_liner?
        @script == "-e"
      end

      # By Bundler or by Puma, which leave $0 and ARGV alone.
      def rewritten?
        return false unless File.file?(@script)
        title = @cmdline.first.to_s
        title == [@script, *@arguments].join(" ").strip || (title.start_with?("puma ") && Object.const_defined?("Puma::Launcher"))
      end

      def readable(bytes) = bytes.dup.force_encoding(Encoding::UTF_8).scrub
    end
  end
end
