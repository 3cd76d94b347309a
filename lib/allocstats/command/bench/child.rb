# frozen_string_literal: true

require "etc"
require "json"
require "io/wait"
require "rbconfig"

module AllocStats
  module Command
    class Bench
      # A Ruby program in a process of its own, whose resident memory is read from outside while it runs, so that nothing
      # is measured but the program. It answers with JSON on a descriptor, whose number is its first argument.
      class Child
        SECONDS_BETWEEN = 0.1
        LIB = File.expand_path("../../..", __dir__)

        # `answer` (Hash) of the program; `memory` (Array) of [seconds by the monotonic clock, resident bytes]
        Result = Struct.new(:answer, :memory)

        # @param program [String] path of a Ruby file
        # @param environment [Hash] on top of this one's
        # @return [Result]
        # @raise [Failure] when it came to no answer; whatever is raised here meanwhile ends it
        def self.run(program, arguments, environment)
          new(program, arguments, environment).run
        end

        def initialize(program, arguments, environment)
          @command = [RbConfig.ruby, "-I#{LIB}", program]
          @arguments = arguments.map(&:to_s)
          @environment = environment
          @memory = []
        end

        def run
          answer, answer_in_child = IO.pipe
          errors, errors_in_child = IO.pipe
          @pid = Process.spawn(@environment, *@command, answer_in_child.fileno.to_s, *@arguments, :in => File::NULL, :out => errors_in_child,
            :err => errors_in_child, answer_in_child => answer_in_child, :pgroup => true)
          [answer_in_child, errors_in_child].each(&:close)
          said = Thread.new { errors.read }
          text = watch(answer)
          finish(text, said)
        ensure
          kill
          said&.join
          [answer, answer_in_child, errors, errors_in_child].each { |pipe| pipe&.close }
        end

        private

        # Reads its memory until it has answered.
        def watch(answer)
          text = +""
          loop do
            note_memory
            next unless answer.wait_readable(SECONDS_BETWEEN)
            text << answer.readpartial(65_536)
          end
        rescue EOFError
          text
        end

        def note_memory
          pages = File.read("/proc/#{@pid}/statm").split[1].to_i
          @memory << [Clock.now, pages * PAGE] if pages.positive?
        rescue SystemCallError
          nil # it has ended
        end

        PAGE = Etc.sysconf(Etc::SC_PAGESIZE)
        private_constant :PAGE

        def finish(text, said)
          _, status = Process.wait2(@pid)
          @pid = nil
          return Result.new(JSON.parse(text, symbolize_names: true), @memory) if status.success? && !text.empty?
          raise Failure.new("a measured process ended with #{outcome(status)}: #{Formats.line(said.value.lines.first.to_s.chomp)}", status: UNAVAILABLE)
        end

        def outcome(status)
          status.signaled? ? "SIG#{Signal.signame(status.termsig)}" : "status #{status.exitstatus}"
        end

        def kill
          return unless @pid
          Process.kill(:KILL, -@pid)
          Process.wait(@pid)
        rescue Errno::ESRCH, Errno::ECHILD
          nil
        end
      end
    end
  end
end
