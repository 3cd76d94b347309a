# frozen_string_literal: true

module AllocStats
  class Agent
    class Jobs
      # PSS, USS and swap, which cost milliseconds, without the GVL: read seldom.
      class SlowReadings
        # Seconds between two readings, at least.
        INTERVAL = 60

        # And where a child was forked meanwhile, with which all pages are shared now: what was this process's alone is so
        # no more.
        AFTER_A_FORK = 10

        attr_reader :due_at

        def initialize(agent)
          @agent = agent
          @read_at = @due_at = Clock.now
        end

        def run
          @read_at = Clock.now
          @due_at = @read_at + [INTERVAL, @agent.interval].max
          SharedMemory.tick_slowly
        end

        # It does not wake the agent for it: whoever forks often would be read often.
        def forked
          @due_at = [@due_at, @read_at + AFTER_A_FORK].min
        end
      end
    end
  end
end
