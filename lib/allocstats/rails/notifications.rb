# frozen_string_literal: true

module AllocStats
  module Rails
    # Each purge as an event of ActiveSupport::Notifications, whoever asked for it:
    #
    #   ActiveSupport::Notifications.subscribe("purge.allocstats") do |event|
    #     logger.info "gave back #{event.payload[:released]} bytes in #{event.duration.round} ms"
    #   end
    #
    # The payload has `gc` and `compact` as they were asked for, `purge` (the AllocStats::Purge), and of it `outcome`,
    # `released` and `reason`. Callers that came while a purge was under way have shared it, and so its event.
    module Notifications
      EVENT = "purge.allocstats"

      # In front of Purge::Run#call, so that what subscribers measure is the purge itself. One that fails has not undone
      # it: that is told, and the purge is the answer.
      def call
        purge = nil
        ::ActiveSupport::Notifications.instrument(EVENT, gc: @gc, compact: @compact) do |payload|
          purge = super
          payload.update(purge: purge, outcome: purge.outcome, released: purge.released, reason: purge.reason)
        end
        purge
      rescue => error
        raise unless purge
        warn("allocstats: a subscriber to #{EVENT} has failed: #{error.class}: #{error.message}")
        purge
      end

      def self.install
        Purge::Run.prepend(self)
      end
    end
  end
end
