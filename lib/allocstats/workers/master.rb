# frozen_string_literal: true

module AllocStats
  class Workers
    # The process that all workers come from, where it runs no agent: it says nothing of itself, so it is the kernel that
    # is asked, which walks its page tables for it. Each process asks this seldom at most.
    module Master
      SECONDS = 10

      module_function

      # @return [Worker, nil] nil where it has ended, has its own slot to say more, or there is no shared memory
      def worker
        row = read
        Worker.new(row) if row && row[:alive]
      end

      def read
        return @row if @pid == Process.pid && Clock.now < @until
        row = SharedMemory.master_row
        row = row.merge(title: Agent::ProcessTitle.of(Agent::ProcessTitle.text(row[:pid]))&.name, interval: SECONDS.to_f) if row
        @pid, @until, @row = Process.pid, Clock.now + SECONDS, row
        row
      end
      private_class_method :read
    end
  end
end
