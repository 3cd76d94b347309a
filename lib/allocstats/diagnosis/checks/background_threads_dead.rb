# frozen_string_literal: true

module AllocStats
  class Diagnosis
    module Checks
      # An allocator was told to give memory back by threads of its own, and they did not survive a fork: pages that became
      # free then stay until somebody calls malloc again.
      class BackgroundThreadsDead < Check
        needs :background_threads, :threads, :allocator

        def finding
          own = Allocators[allocator[:name]]&.own_threads
          return unless own && background_threads && threads.fetch(own.name, 0).zero?
          found("#{allocator[:name]}'s background threads were asked for, and none is alive: they do not survive a fork.", severity: :wrong,
            evidence: ["#{own.option} is on, in this process's settings or in the process that it was forked from, and of #{threads.values.sum} threads none is named #{own.name}"],
            remedy: own.remedy)
        end
      end
    end
  end
end
