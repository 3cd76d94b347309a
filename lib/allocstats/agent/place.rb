# frozen_string_literal: true

module AllocStats
  class Agent
    # Where an agent sits: its process's slot in the memory that the workers share, and what stands there of who it is.
    class Place
      # The newest message when the slot was taken: what was asked before is none of its business.
      attr_reader :newest_message

      # @param agent [Agent]
      # @param keeper [Integer] its number, under which the extension leaves the slot
      def initialize(agent, keeper)
        @agent = agent
        @keeper = keeper
        @newest_message = 0
      end

      # Finds the memory, takes a slot in it and says who sits there. With the first sample the others see it, and may ask.
      def take
        title = read_title
        master = title&.master
        master ? SharedMemory.find(master) : SharedMemory.make
        @newest_message = SharedMemory.newest_message
        SharedMemory.take_slot(title&.index, @keeper)
        tell_of_a_place_apart if master && !SharedMemory.open_to_siblings?
        describe
        SharedMemory.name_slot(title&.index, title&.name)
        SharedMemory.tick
      end

      def describe
        allocator = Allocator.detect
        SharedMemory.describe(@agent.interval, allocator.name.to_s, allocator.version, allocator.verdict.to_s)
      end

      # A server may call its process something else meanwhile.
      def rename
        return if ProcessTitle.text == @text
        title = read_title
        SharedMemory.name_slot(title&.index, title&.name)
      end

      private

      def read_title = ProcessTitle.of(@text = ProcessTitle.text)

      def tell_of_a_place_apart
        warn("allocstats: no memory to share can be made here (a limit of files or descriptors, or a sandbox, forbids it): this worker sees itself alone")
      end
    end
  end
end
