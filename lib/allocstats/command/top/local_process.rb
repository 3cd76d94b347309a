# frozen_string_literal: true

module AllocStats
  module Command
    class Top
      # A process of this machine, seen from outside.
      class LocalProcess
        # @param pid [String] as it was typed
        # @raise [Failure]
        def initialize(pid)
          @process = Pid.process(pid)
          @name = Pid.looking { Formats.line(File.basename(@process.command[/\A\S+/].to_s)) }
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
