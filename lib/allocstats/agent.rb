# frozen_string_literal: true

# Not when the thread first asks for the time: a server may fork at that moment.
require_relative "clock"

module AllocStats
  # What lives in the background: one thread a process, which does jobs when they are due (Agent::Jobs). It keeps the
  # history, tells the other workers of a server what this one is like, and does what they ask. AllocStats.start and .stop
  # are its switch.
  #
  # It sleeps without the GVL, on a word of memory that the processes share, so a message from another worker wakes it at
  # once; a sample costs microseconds (bench/agent). It never keeps the process from ending. A job that fails is switched
  # off alone, and the others go on; what ends the thread itself is told once, on stderr, and AllocStats.start starts
  # another one.
  #
  # Whatever interrupts one of these methods, the next start begins anew: which agent is in charge is one variable, a
  # thread that finds another one there ends, and its slot is left by the extension, whose hand nothing stays
  # (SharedMemory.keep_slot).
  class Agent
    autoload :Jobs, "allocstats/agent/jobs"
    autoload :Message, "allocstats/agent/message"
    autoload :Place, "allocstats/agent/place"
    autoload :ProcessTitle, "allocstats/agent/process_title"
    autoload :Settling, "allocstats/agent/settling"

    # How often it is begun anew where others start and stop it at the same time.
    ATTEMPTS = 5

    # A job that is due again at once does not keep the thread from sleeping this long.
    LEAST_PAUSE = 0.01

    @count = 0

    class << self
      # The agent in charge, or nil.
      attr_reader :current

      # @param interval [Numeric, nil] nil for what it was started with before, or else what is configured
      # @return [Boolean]
      def start(interval: nil)
        wanted(interval)
        ATTEMPTS.times do
          return true if started? && @current.go_on(@interval)
          return begin_anew
        rescue NotStarted
          # Somebody else stopped, killed or started it at this very moment.
        end
        started?
      end

      # The agent is to run in all children that are forked from now on, and not here: for the process that only forks
      # workers. Makes the memory that they share.
      def prepare(interval: nil)
        wanted(interval)
        SharedMemory.make
      end

      # Children that are forked from now on have none either.
      def stop
        @interval = nil
        agent = @current or return false
        agent.stop
        @current = nil if in_charge?(agent)
        true
      end

      def started?
        @current ? @current.alive? : false
      end

      def in_charge?(agent)
        @current.equal?(agent)
      end

      # Tells each one's slot from those of its predecessors.
      def next_keeper
        @count += 1
      end

      # In a forked child: the thread did not come along.
      def resume
        @current = nil
        return unless @interval
        @current = new(@interval, title: ProcessTitle.text)
        @current.start
      end

      private

      def begin_anew
        SharedMemory.leave_slot
        @current = agent = new(@interval)
        agent.place.take
        agent.start
        started?
      end

      def wanted(interval)
        @interval = Agent.seconds(interval.nil? ? @interval || Configuration.current.interval : interval)
        at_exit { @current&.stop } unless @at_exit
        @at_exit = true
      end
    end

    # @raise [InvalidValue]
    def self.seconds(interval)
      return interval.to_f if Measured.within?(Configuration::INTERVALS, interval)
      raise InvalidValue, "the interval is a number of seconds from #{Configuration::INTERVALS.min} to #{Configuration::INTERVALS.max.to_i}, not #{interval.inspect[0, 80]}"
    end

    AfterFork.child { resume }
    AfterFork.parent { @current&.forked }

    # Seconds between two samples.
    attr_reader :interval

    # Where it sits in the shared memory.
    # @return [Place]
    attr_reader :place

    # Its jobs.
    # @return [Jobs]
    attr_reader :jobs

    # @param title [String, nil] in a forked child, the process's title at the fork
    def initialize(interval, title: nil)
      @interval = interval
      @title = title
      @pid = Process.pid
      @keeper = Agent.next_keeper
      @place = Place.new(self, @keeper)
      @jobs = Jobs.new(self)
    end

    def start
      @thread = Thread.new { SharedMemory.keep_slot(@keeper) { begin_running } }
      @thread.name = "allocstats"
      @thread.report_on_exception = false
      @thread.thread_variable_set(:fork_safe, true) # Puma warns of threads before a fork that are not
      wait_for_begin unless @title
    rescue ThreadError => error # there can be no more threads
      tell(error)
      SharedMemory.leave_slot
    end

    def alive?
      (@pid == Process.pid && @thread) ? @thread.alive? : false
    end

    # Waits for its end for a moment: a purge that is under way in it is not cut short, and leaves the slot later. A thread
    # that never came to run leaves none.
    def stop
      SharedMemory.leave_slot if !alive? || @thread.kill.join(1)
    end

    # Started again while it runs: from now on at this interval, and without waiting for what a child may become.
    # @return [true]
    def go_on(interval)
      changed = interval != @interval
      @interval = interval
      if SharedMemory.slot?
        place.describe if changed
      else
        place.take
      end
      SharedMemory.wake
      true
    end

    # In the parent, by the thread that forked.
    def forked = @jobs.forked

    private

    # A server may fork at once, and mimalloc 3 has no hook at forks: a lock of its own that a thread which just begins
    # holds at that moment would never be free again in the child. For a tenth of a second at most.
    def wait_for_begin
      100.times do
        return if @begun
        sleep 0.001
      end
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
      return unless @title.nil? || Settling.new(@title).wait
      while Agent.in_charge?(self)
        begin
          place.take unless SharedMemory.slot?
          work
        rescue NotStarted
          # Its slot was left by another one that was just about to start.
        end
      end
    end

    def work
      while Agent.in_charge?(self)
        wakeups = SharedMemory.wakeups
        due_at = jobs.run
        SharedMemory.wait(wakeups, [due_at - Clock.now, LEAST_PAUSE].max)
      end
    end

    def tell(error)
      warn("allocstats: the agent has ended: #{error.class}: #{error.message}")
    end
  end
end
