# frozen_string_literal: true

module AllocStats
  class Agent
    # What an agent does, each job when it is due. A job is an object with two methods:
    #
    # - `due_at`: when it is to run next, by Clock.now; nil for not until something wakes the agent. It is asked whenever
    #   the agent is awake, so it costs next to nothing.
    # - `run`: does it. It may not block the others: what takes longer than a tick goes without the GVL, or to a thread of
    #   its own.
    #
    # And one more if it likes: `forked`, called in the parent by whichever thread has forked. Its class is made with the
    # agent when this starts, in each process anew.
    #
    # A class registers where it lives, and is begun in an agent that runs already:
    #
    #   Agent::Jobs.register(Guard::Job)
    #
    # A job that fails is switched off, which is said once, on stderr, and in `off`; the others go on.
    class Jobs
      autoload :Messages, "allocstats/agent/jobs/messages"
      autoload :Sample, "allocstats/agent/jobs/sample"
      autoload :SlowReadings, "allocstats/agent/jobs/slow_readings"

      # What a job may fail by. What is none of these was raised into the thread, and ends it.
      FAILURES = [StandardError, ScriptError, NoMemoryError, SystemStackError].freeze

      NEVER = Float::INFINITY

      @classes = [Messages, Sample, SlowReadings].freeze

      class << self
        # All that are registered, in the order in which they run.
        # @return [Array<Class>]
        attr_reader :classes

        # @param job [#new] called with the agent, where it starts
        def register(job)
          @classes = [*@classes, job].uniq.freeze
          SharedMemory.wake
        end

        def unregister(job)
          @classes = (@classes - [job]).freeze
        end
      end

      # @param agent [Agent]
      def initialize(agent)
        @agent = agent
        @jobs = {}
        @off = {}
      end

      # Runs those that are due, and says when the next one is.
      # @return [Float] by Clock.now; infinite for none
      def run
        Jobs.classes.map { |job_class| run_one(job_class) }.min || NEVER
      end

      # Those that have failed, and why: {class => sentence}
      # @return [Hash{Class => String}]
      def off = @off.dup

      def forked
        @jobs.each_value { |job| job.forked if job.respond_to?(:forked) }
      end

      private

      # When it is due next.
      def run_one(job_class)
        return NEVER if @off.key?(job_class)
        job = @jobs[job_class] || (@jobs = @jobs.merge(job_class => job_class.new(@agent)))[job_class]
        due_at = due_at(job)
        return due_at if due_at > Clock.now
        job.run
        due_at(job)
      rescue NotStarted # its slot was left: no fault of the job's
        raise
      rescue *FAILURES => error
        switch_off(job_class, error)
        NEVER
      end

      def due_at(job)
        due_at = job.due_at or return NEVER
        raise InvalidValue, "due_at is a time by Clock.now or nil, not #{due_at.inspect[0, 80]}" unless due_at.is_a?(Numeric) && due_at.real? && !due_at.to_f.nan?
        due_at
      end

      def switch_off(job_class, error)
        @off = @off.merge(job_class => "#{error.class}: #{error.message}")
        warn("allocstats: the agent's job #{job_class} is off, since it failed: #{error.class}: #{error.message}")
      end
    end
  end
end
