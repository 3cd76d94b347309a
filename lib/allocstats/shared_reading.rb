# frozen_string_literal: true

module AllocStats
  # An expensive reading that many callers share: one of them takes it while the others wait, and it serves everyone
  # for a moment. A burst of requests so costs one reading, not one each.
  #
  #   reading = SharedReading.new(seconds: 1) { AllocStats.report }
  #   reading.value
  #
  # A reading speaks of the process that took it: a forked child takes its own. (Ruby frees a mutex that another
  # thread held at the fork, so a child cannot find it locked for good.)
  class SharedReading
    def initialize(seconds:, &take)
      @seconds = seconds
      @take = take
      @mutex = Mutex.new
      @pid = @taken_at = @value = nil
    end

    # The value of a reading that ended less than `seconds` ago. What the reading raises reaches the caller that took
    # it; the next caller tries again.
    def value
      @mutex.synchronize do
        take unless fresh?
        @value
      end
    end

    # The next caller takes a new one.
    def forget
      @mutex.synchronize { @pid = nil }
    end

    private

    def fresh?
      @pid == Process.pid && Clock.now - @taken_at < @seconds
    end

    def take
      @value = @take.call
      @pid = Process.pid
      @taken_at = Clock.now
    end
  end
end
