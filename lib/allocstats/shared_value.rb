# frozen_string_literal: true

module AllocStats
  # An expensive value that many callers share: one of them takes it while the others wait, and it serves everyone
  # for a moment. A burst of requests so costs one reading, not one each.
  #
  #   report = SharedValue.new(seconds: 1) { AllocStats.report }
  #   report.value
  #
  # Who waits, waits by a clock: a reading that takes longer than its callers' patience keeps one thread busy, and not
  # all of them. No lock is held while it is taken, so nothing that forgets it waits for it either; SingleFlight sees to
  # it that a reading that was cut short holds up nobody.
  #
  # A reading speaks of the process that took it: a forked child takes its own.
  class SharedValue
    # Another caller has been taking it for longer than one waits.
    class Busy < Error
      def initialize = super("this is being read, and takes long; ask again in a moment")
    end

    # For how many seconds from its beginning a reading is waited for.
    PATIENCE = 1

    # What was read: the value, in which process, since what was last forgotten, and when its reading ended.
    Taken = Struct.new(:value, :pid, :since, :at)

    def initialize(seconds:, patience: PATIENCE, &take)
      @seconds = seconds
      @patience = patience
      @take = take
      @flight = SingleFlight.new("a reading") if defined?(SingleFlight) # the extension's
      @taken = nil
      forget
    end

    # The value of a reading that ended less than `seconds` ago. What the reading raises reaches the caller that took
    # it; the next caller tries again.
    # @raise [Busy]
    def value
      loop do
        taken = @taken
        return taken.value if serves?(taken)
        return take.value unless @flight # an unsupported platform: there the reading has a sentence for it
        taken, outcome = @flight.share(nil, nil, @patience) { take }
        return taken.value if outcome == :flown
        raise Busy if outcome == :late
      end
    end

    # The next caller takes a new one: also one that is under way now was begun before, and serves its own caller alone.
    def forget
      @since = Object.new
    end

    private

    def serves?(taken)
      taken && taken.pid == Process.pid && taken.since.equal?(@since) && Clock.now - taken.at < @seconds
    end

    # Two who come one right after the other: the second one finds what the first has just read.
    def take
      return @taken if serves?(@taken)
      since = @since
      value = @take.call
      @taken = Taken.new(value, Process.pid, since, Clock.now)
    end
  end
end
