# frozen_string_literal: true

module AllocStats
  module Command
    class Top
      # A process of this machine, seen from outside.
      class LocalProcess
        # @param pid [String] as it was typed
        # @raise [Failure]
        def initialize(pid)
          raise Failure, "#{pid.inspect} is no process's number" unless /\A[1-9]\d{0,9}\z/.match?(pid)
          @process = OtherProcess.new(Integer(pid))
          @name = Formats.line(File.basename(@process.command[/\A\S+/].to_s))
        rescue OtherProcess::Gone => error
          raise Failure.new(error.message, status: NOT_FOUND)
        rescue OtherProcess::NotPermitted => error
          raise Failure.new(error.message, status: NOT_PERMITTED)
        end

        # @return [Array<Row>] one, also of a process that is gone
        def rows
          @process.refresh
          [Row.new(name: @name, pid: @process.pid, allocator: @process.allocator.name.name, rss: @process.rss, pss: @process.pss)]
        rescue Error
          @ended = true
          [Row.new(name: @name, pid: @process.pid, remark: "gone")]
        end

        def ended? = @ended || false
      end
    end
  end
end
