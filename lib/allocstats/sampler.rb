# frozen_string_literal: true

# Not when the thread first asks for the time: a server may fork at that moment.
require_relative "clock"

module AllocStats
  # The thread that keeps the history, tells the other workers of a server what this one is like, and does what is asked
  # of all of them. AllocStats.start and .stop are its switch.
  #
  # It sleeps without the GVL, on a word of memory that the processes share, so a request from another worker wakes it at
  # once; a sample costs microseconds (bench/sampler). It never keeps the process from ending. When something in it fails,
  # or somebody ends it, it says so once, on stderr, and ends; the application goes on, and AllocStats.start starts another
  # one.
  #
  # Whatever interrupts one of these methods, the next start begins anew: which sampler is in charge is one variable, a
  # thread that finds another one there ends, and its seat is left by the extension, whose hand nothing stays
  # (SharedPage.keep_seat).
  class Sampler
    autoload :Errand, "allocstats/sampler/errand"
    autoload :Role, "allocstats/sampler/role"

    # Seconds between two samples, unless said.
    INTERVAL = 10
    INTERVALS = (0.05..3600.0)

    # PSS, USS and swap cost milliseconds, so they are read this seldom at most.
    SLOW_INTERVAL = 60

    # And this seldom where a child was forked meanwhile, with which all pages are shared now.
    SHARED_INTERVAL = 10

    # A forked child shows itself when it has lived this long: those that only pass on to something else never do.
    SETTLING = 0.5

    # One that a server's process has forked shows itself as soon as it is called something else. It is looked for that
    # after so long, and then ever more seldom; what still has its parent's title after PATIENCE is no worker.
    FIRST_LOOK = 0.05
    PATIENCE = 60

    # How often it is begun anew where others start and stop it at the same time.
    ATTEMPTS = 5

    class << self
      # @param interval [Numeric, nil] nil for what it was started with before, or else INTERVAL
      # @return [Boolean]
      def start(interval: nil)
        wanted(interval)
        ATTEMPTS.times do
          return true if started? && @sampler.go_on(@interval)
          return begin_anew
        rescue NotStarted
          # Somebody else stopped, killed or started it at this very moment.
        end
        started?
      end

      # The sampler is to run in all children that are forked from now on, and not here: for the process that only forks
      # workers. Makes the page that they share.
      def prepare(interval: nil)
        wanted(interval)
        SharedPage.make
      end

      # Children that are forked from now on have none either.
      def stop
        @interval = nil
        sampler = @sampler or return false
        sampler.stop
        @sampler = nil if @sampler.equal?(sampler)
        true
      end

      def started?
        @sampler ? @sampler.alive? : false
      end

      # In a forked child: the thread did not come along.
      def resume
        @sampler = nil
        return unless @interval
        @sampler = new(@interval, title: Role.title)
        @sampler.start
      end

      def in_charge?(sampler)
        @sampler.equal?(sampler)
      end

      private

      def begin_anew
        SharedPage.leave_seat
        @sampler = sampler = new(@interval)
        sampler.connect
        sampler.start
        started?
      end

      def wanted(interval)
        interval = @interval || INTERVAL if interval.nil?
        unless Measured.within?(INTERVALS, interval)
          raise InvalidValue, "the interval is a number of seconds from #{INTERVALS.min} to #{INTERVALS.max.to_i}, not #{interval.inspect[0, 80]}"
        end
        @interval = interval.to_f
        at_exit { @sampler&.stop } unless @at_exit
        @at_exit = true
      end
    end

    AfterFork.child { resume }
    AfterFork.parent { @sampler&.shared_with_a_child }

    @count = 0

    # Tells each one's seat from those of its predecessors.
    def self.next_keeper
      @count += 1
    end

    # @param title [String, nil] in a forked child, the process's title at the fork
    def initialize(interval, title: nil)
      @interval = interval
      @title = title
      @pid = Process.pid
      @keeper = Sampler.next_keeper
      @slow_at = nil
    end

    def start
      @thread = Thread.new { SharedPage.keep_seat(@keeper) { begin_running } }
      @thread.name = "allocstats"
      @thread.report_on_exception = false
      @thread.thread_variable_set(:fork_safe, true) # Puma warns of threads before a fork that are not
      wait_for_begin unless @title
    rescue ThreadError => error # there can be no more threads
      tell(error)
      SharedPage.leave_seat
    end

    def alive?
      (@pid == Process.pid && @thread) ? @thread.alive? : false
    end

    # Waits for its end for a moment: a purge that is under way in it is not cut short, and leaves the seat later. A thread
    # that never came to run leaves none.
    def stop
      SharedPage.leave_seat if !alive? || @thread.kill.join(1)
    end

    # Finds the page, takes a seat in it and says who sits there. With the first tick the others see it, and may ask.
    def connect
      role = Role.of(@name = Role.title)
      master = role&.master
      master ? SharedPage.find(master) : SharedPage.make
      @answered = SharedPage.newest_request
      SharedPage.take_seat(role&.index, @keeper)
      tell_of_a_page_apart if master && !SharedPage.open_to_siblings?
      describe
      SharedPage.name_seat(role&.index, role&.name)
      SharedPage.tick
    end

    # Started again while it runs: from now on at this interval, and without waiting for what a child may become.
    # @return [true]
    def go_on(interval)
      changed = interval != @interval
      @interval = interval
      if SharedPage.seated?
        describe if changed
      else
        connect
      end
      SharedPage.ring
      true
    end

    # What was this process's alone is so no more, and what was read of that is not true any more.
    def shared_with_a_child
      @slow_at = [@slow_at, @slow_read_at + SHARED_INTERVAL].min if @slow_at && @slow_read_at
    end

    private

    # A server may fork at once, and mimalloc 3 has no hook at forks: a lock of its own that a thread which just begins
    # holds at that moment would never be free again in the child. For a tenth of a second at most.
    def wait_for_begin
      100.times do
        return if @begun
        sleep 0.001
      end
    end

    def describe
      allocator = AllocStats.allocator
      SharedPage.describe(@interval, allocator.name.to_s, allocator.version, allocator.verdict.to_s)
    end

    # What ends it by an exception is told, whatever it is. Being killed is no exception: so does Ruby when a process ends.
    def begin_running
      @begun = true
      run
    rescue Exception => error # rubocop:disable Lint/RescueException
      tell(error)
      raise if error.is_a?(SystemExit) # as any thread's, the process's
    end

    def run
      settle or return
      connect unless SharedPage.seated?
      ticked = Clock.now
      while Sampler.in_charge?(self)
        bell = SharedPage.bell
        answer_requests
        if Clock.now >= ticked + @interval
          tick
          ticked = [ticked + @interval, Clock.now - @interval].max # without a drift, and without catching up
        end
        tick_slowly
        AllocStats.safe_point
        SharedPage.wait(bell, ticked + @interval - Clock.now)
      end
    end

    def tell(error)
      warn("allocstats: the sampler has ended: #{error.class}: #{error.message}")
    end

    def tell_of_a_page_apart
      warn("allocstats: no memory to share can be made here (a limit of files or descriptors, or a sandbox, forbids it): this worker sees itself alone")
    end

    # In a child: waits until it is something of its own. Whether it is.
    def settle
      return true unless @title
      born, pause, server = Clock.now, FIRST_LOOK, Role.of(@title)
      loop do
        sleep pause
        return true if SharedPage.seated? # AllocStats.start was called meanwhile
        return true if server ? renamed? : Clock.now >= born + SETTLING
        return false if Clock.now > born + PATIENCE
        pause *= 2
      end
    end

    def renamed?
      title = Role.title
      title != @title && !Role.of(title)&.passing?
    end

    def tick
      rename
      SharedPage.tick
    end

    def rename
      name = Role.title
      return if name == @name
      role = Role.of(@name = name)
      SharedPage.name_seat(role&.index, role&.name)
    end

    def tick_slowly
      return if @slow_at && Clock.now < @slow_at
      @slow_read_at = Clock.now
      @slow_at = @slow_read_at + [SLOW_INTERVAL, @interval].max
      SharedPage.tick_slowly
    end

    # What was asked of all workers since the last time, unless by this one, which sees to itself.
    def answer_requests
      newest = SharedPage.newest_request
      return if @answered == newest
      @answered = newest
      number, kind, text, own = SharedPage.pending
      return if own || number.nil?
      @answered = number
      SharedPage.take_up(number)
      SharedPage.answer(number, *Errand.run(kind, text, number))
    end
  end
end
