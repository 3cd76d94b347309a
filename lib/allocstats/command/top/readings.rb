# frozen_string_literal: true

module AllocStats
  module Command
    class Top
      # What the sources say, read every few seconds by a thread of its own, so that a slow endpoint keeps no key waiting.
      class Readings
        # Of the last reading: rows, and why a source gave none.
        attr_reader :rows, :remarks

        # When it was, as a Time.
        attr_reader :time

        # Readable when there is a new reading.
        attr_reader :io

        def initialize(sources, seconds:)
          @sources = sources
          @seconds = seconds
          @begun_with = {}
          @lock = Mutex.new
          @asked = ConditionVariable.new
          @io, @news = IO.pipe
        end

        # The first reading, which nothing may be wrong with.
        # @raise [Failure]
        def first!
          note(@sources.flat_map(&:rows), [])
        end

        # One reading. What is wrong with a source is a remark: it may answer again.
        def read
          remarks = []
          rows = @sources.flat_map do |source|
            source.rows
          rescue Failure => failure
            remarks << failure.message
            []
          end
          note(rows, remarks)
        end

        # Nothing more will come of any source.
        def ended? = @sources.all?(&:ended?)

        def start
          @thread = Thread.new do
            Thread.current.report_on_exception = false
            until ended?
              @lock.synchronize { @asked.wait(@lock, @seconds) }
              read
              @news.write_nonblock(".", exception: false)
            end
          ensure
            @news.close
          end
        end

        # Reads now rather than when it is time.
        def hurry = @lock.synchronize { @asked.signal }

        # What is new has been seen; a fault of the thread's is raised here.
        # @return [Boolean] whether there will be more
        def seen
          @io.read_nonblock(1024)
          true
        rescue EOFError
          @thread.value
          false
        rescue IO::WaitReadable
          true
        end

        def stop
          @thread&.kill
        end

        private

        def note(rows, remarks)
          rows.each { |row| row.growth = grown(row) }
          @time = Time.now
          @rows = rows
          @remarks = remarks
        end

        # Nothing has grown at first sight.
        def grown(row)
          return unless row.rss
          return row.rss - @begun_with[row.identity] if @begun_with.key?(row.identity)
          @begun_with[row.identity] = row.rss
          nil
        end
      end
    end
  end
end
