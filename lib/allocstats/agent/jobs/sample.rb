# frozen_string_literal: true

module AllocStats
  class Agent
    class Jobs
      # A sample each interval, into this process's slot and its history. Some microseconds.
      class Sample
        def initialize(agent)
          @agent = agent
          @sampled_at = Clock.now # with the first one, the slot was taken
        end

        def due_at = @sampled_at + @agent.interval

        # Without a drift, and without catching up.
        def run
          @agent.place.rename
          SharedMemory.tick
          @sampled_at = [due_at, Clock.now - @agent.interval].max
        end
      end
    end
  end
end
