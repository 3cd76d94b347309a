# frozen_string_literal: true

module AllocStats
  # An expensive reading that many callers share: one of them takes it while the others wait, and it serves everyone
  # for a moment. A burst of requests so costs one reading, not one each.
  #
  #   reading = SharedReading.new(seconds: 1) { AllocStats.report }
  #   reading.value
  #
  # Who waits, waits by a clock: a reading that takes longer than its callers' patience keeps one thread busy, and not all
  # of them. No lock is held while it is taken, so nothing that forgets it waits for it either.
  #
  # A reading speaks of the process that took it: a forked child takes its own.
  class SharedReading
    # Another caller has been taking it for longer than one waits.
    class Busy < Error
      def initialize = super("this is being read, and takes long; ask again in a moment")
    end

    # For how many seconds from its beginning a reading is waited for.
    PATIENCE = 1

    # After so many nobody is believed to be at it.
    LONGEST = 60

    # How long a waiting thread sleeps before it looks whether the other one is still there.
    MOMENT = 0.1

    # A reading: what came of it, in which process and when. `forgotten` is one that began before something was changed.
    Taken = Struct.new(:value, :pid, :at)

    # One under way: by which thread, since when, and whether it may serve others.
    Taking = Struct.new(:thread, :begun, :fresh)

    def initialize(seconds:, patience: PATIENCE, &take)
      @seconds = seconds
      @patience = patience
      @take = take
      @lock = Mutex.new
      @ended = ConditionVariable.new
      @taken = @taking = nil
    end

    # The value of a reading that ended less than `seconds` ago. What the reading raises reaches the caller that took
    # it; the next caller tries again.
    # @raise [Busy]
    def value
      Thread.handle_interrupt(Object => :never) do
        taken = taking = nil
        @lock.synchronize { taken, taking = join }
        taken ? taken.value : take(taking)
      end
    end

    # The next caller takes a new one: also one that is under way now was begun before, and serves its own caller alone.
    def forget
      @lock.synchronize do
        @taken = nil
        @taking&.fresh = false
      end
    end

    private

    # A reading that serves, or one that this thread has to take.
    def join
      loop do
        return [@taken, nil] if fresh?
        return [nil, @taking = Taking.new(Thread.current, Clock.now, true)] unless taking?
        rest = @taking.begun + @patience - Clock.now
        raise Busy unless rest.positive?
        Thread.handle_interrupt(Object => :immediate) { @ended.wait(@lock, [rest, MOMENT].min) }
      end
    end

    def fresh? = @taken && @taken.pid == Process.pid && Clock.now - @taken.at < @seconds

    # A thread that was killed, or that a fork left behind, takes nothing any more; this one is not waited for by itself.
    def taking? = @taking&.thread&.alive? && @taking.thread != Thread.current && Clock.now - @taking.begun < LONGEST

    def take(taking)
      value = Thread.handle_interrupt(Object => :immediate) { @take.call }
      taken = Taken.new(value, Process.pid, Clock.now)
      value
    ensure
      @lock.synchronize do
        if @taking.equal?(taking)
          @taken = taken if taken && taking.fresh
          @taking = nil
        end
        @ended.broadcast
      end
    end
  end
end
