# frozen_string_literal: true

require "rbconfig"

module AllocStats
  module Launch
    # A bare Ruby, started with an environment, that says which allocator runs it: the proof before a command is given to
    # it. Takes 10 ms.
    class Probe
      SECONDS = 10
      LONGEST = 64 * 1024

      # Loads the extension alone; answers in one line on a pipe of its own, since a preloaded library may print.
      PROGRAM = <<~'RUBY'
        require ARGV[0]
        require ARGV[1]
        found = AllocStats::Allocator
        functions = found.ownership[:functions].compact.values.uniq
        path = found.ownership[:objects][functions.first || 0]&.fetch(:path)
        IO.for_fd(ARGV[2].to_i, "w").write([AllocStats::Allocators.bound_name, AllocStats::Allocators.bound_version, functions.size, found.proof, path].join("\n"))
      RUBY

      # The extension, as it was loaded here.
      EXTENSION = %r{allocstats/allocstats\.\w+\z}
      ERRORS = File.expand_path("../errors.rb", __dir__)

      # @param changes [Hash] variable => text or nil, on top of this process's environment
      # @param seconds [Numeric] after which it is given up
      def initialize(changes, seconds: SECONDS)
        @changes = changes
        @seconds = seconds
        @name, @version, owners, @proof, @path = run.lines(chomp: true)
        @owners = owners.to_i
      end

      # @return [Symbol, nil] nil where it did not come to an answer
      def name = @name&.to_sym

      def version = (@version unless @version.to_s.empty?)

      # The file that owned malloc.
      attr_reader :path

      # A sentence for why the process did not run wholly under one known allocator; nil where it did.
      def problem
        return failure unless name
        return "the functions of malloc belonged to more than one library" if @owners > 1
        return "#{shown(@path)} owned malloc in a process that was started with it, and allocstats does not know that" if name == :unknown
        "a block that Ruby took did not come out of it" if @proof == "refuted"
      end

      # What the dynamic linker or the library said.
      def complaint
        line = @stderr.lines.find { |text| text.include?("ld.so") } || @stderr.lines.first
        shown(line.to_s.sub(/\AERROR: ld\.so: /, "").strip.chomp("."))
      end

      private

      def failure
        return "a process that was started with it had not ended after #{@seconds} s" if @status.nil?
        how = @status.signaled? ? "died of SIG#{Signal.signame(@status.termsig)}" : "ended with status #{@status.exitstatus}"
        "a process that was started with it #{how}#{": #{complaint}" unless complaint.empty?}"
      end

      def shown(text) = text.to_s.dup.force_encoding(Encoding::UTF_8).scrub[0, 300]

      # Bare: no gems, and neither RUBYOPT nor RUBYLIB.
      def command
        ruby = File.executable?(RbConfig.ruby) ? RbConfig.ruby : "/proc/self/exe"
        extension = $LOADED_FEATURES.find { |feature| feature.match?(EXTENSION) }
        [ruby, "--disable=all", "-e", PROGRAM, ERRORS, extension]
      end

      # What the process answered; "" where it did not.
      def run
        answer, answer_in_child = IO.pipe
        stderr, stderr_in_child = IO.pipe
        pid = spawn(answer_in_child, stderr_in_child)
        [answer_in_child, stderr_in_child].each(&:close)
        finish(pid, answer, stderr)
      ensure
        [answer, answer_in_child, stderr, stderr_in_child].each { |pipe| pipe&.close }
      end

      def spawn(answer, stderr)
        options = {:in => File::NULL, :out => File::NULL, :err => stderr, answer => answer, :close_others => true}
        Process.spawn(@changes, *command, answer.fileno.to_s, options)
      end

      def finish(pid, answer, stderr)
        waiter = Process.detach(pid)
        errors = Thread.new { stderr.read(LONGEST).to_s }
        ended = waiter.join(@seconds)
        Process.kill(:KILL, pid) unless ended
        @status = ended && waiter.value
        @stderr = errors.value
        answer.read(LONGEST).to_s.dup.force_encoding(Encoding::UTF_8).scrub
      rescue Errno::ESRCH # it ended after all
        ""
      end
    end
  end
end
