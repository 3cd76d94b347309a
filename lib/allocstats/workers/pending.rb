# frozen_string_literal: true

module AllocStats
  class Workers
    # A purge of all workers that somebody began and does not wait for: of Workers#begin_purge.
    #
    #   pending = AllocStats.workers.begin_purge
    #   pending.poll.settled?    # => false, at first
    #   pending.poll.answers     # => what has come by now
    class Pending
      # @param request [Request] that was begun
      # @yieldparam answers [Hash{Worker => Hash}] what makes the outcome of them
      def initialize(request, &outcome)
        @request = request
        @outcome = outcome
      end

      # Costs some ten microseconds a worker.
      # @return [Workers::Purge] settled when nothing more is to come
      def poll
        @outcome.call(@request.poll)
      end

      # Lets others ask. What was asked goes on where it was begun.
      def end
        @request.end
        self
      end
    end
  end
end
