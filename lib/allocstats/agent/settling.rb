# frozen_string_literal: true

module AllocStats
  class Agent
    # In a forked child: the wait until it is something of its own.
    class Settling
      # A forked child shows itself when it has lived this long: those that only pass on to something else never do.
      SECONDS = 0.5

      # One that a server's process has forked shows itself as soon as it is called something else. It is looked for that
      # after so long, and then ever more seldom; what still has its parent's title after PATIENCE is no worker.
      FIRST_LOOK = 0.05
      PATIENCE = 60

      # @param text [String] the process's title at the fork
      def initialize(text)
        @text = text
        @server = ProcessTitle.of(text)
      end

      # @return [Boolean] whether it is one
      def wait
        born, pause = Clock.now, FIRST_LOOK
        loop do
          sleep pause
          return true if SharedMemory.slot? # AllocStats.start was called meanwhile
          return true if @server ? renamed? : Clock.now >= born + SECONDS
          return false if Clock.now > born + PATIENCE
          pause *= 2
        end
      end

      private

      def renamed?
        text = ProcessTitle.text
        text != @text && !ProcessTitle.of(text)&.passing?
      end
    end
  end
end
