# frozen_string_literal: true

module AllocStats
  class Diagnosis
    module Checks
      # jemalloc was told to give memory back by threads of its own, and they did not survive a fork: pages that became
      # free then stay until somebody calls malloc again.
      class BackgroundThreadsDead < Check
        needs :background_threads, :threads

        NAME = "jemalloc_bg_thd"

        def finding
          return unless background_threads && threads.fetch(NAME, 0).zero?
          found("jemalloc's background threads were asked for, and none is alive: they do not survive a fork.", severity: :wrong,
            evidence: ["background_thread is on, in this process's settings or in the process that it was forked from, and of #{threads.values.sum} threads none is named #{NAME}"],
            remedy: %(AllocStats.mallctl("background_thread", true)   # in each forked child; `require "allocstats"` before the fork does it))
        end
      end
    end
  end
end
