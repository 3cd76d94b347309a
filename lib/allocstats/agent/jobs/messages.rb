# frozen_string_literal: true

module AllocStats
  class Agent
    class Jobs
      # What other workers ask (Agent::Message). Each message is done once, and only when it came after this process did.
      class Messages
        def initialize(agent)
          @answered = agent.place.newest_message
        end

        # Now, where there is one.
        def due_at
          Clock.now unless @answered == SharedMemory.newest_message
        end

        def run
          @answered = SharedMemory.newest_message
          number, kind, text, own = SharedMemory.pending
          return if own || number.nil? # this process sees to itself
          @answered = number
          SharedMemory.take_up(number)
          SharedMemory.answer(number, *Message.run(kind, text, number))
        end
      end
    end
  end
end
