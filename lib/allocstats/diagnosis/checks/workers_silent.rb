# frozen_string_literal: true

module AllocStats
  class Diagnosis
    module Checks
      # A worker of the cluster no longer writes down its figures: it is dead, stuck, or stopped.
      class WorkersSilent < Check
        needs :workers
        probed :workers, "workers:reporting", type: "component", unit: "workers"

        def reached?(limit) = silent.size >= limit.count

        def value = workers.size - silent.size

        def sentence
          return "All of #{workers.size} report" if silent.empty?
          "Of #{workers.size}, #{silent.map { |worker| "#{worker[:index]} (pid #{worker[:pid]}, #{why(worker)})" }.join(", ")} no longer report"
        end

        def finding
          return unless level
          found("#{sentence}.", severity: severity, evidence: silent.map { |worker| "pid #{worker[:pid]} is #{why(worker)}" },
            remedy: "ps -o pid,stat,wchan:32,etime,args -p #{silent.map { |worker| worker[:pid] }.join(",")}   # what they wait for; the server's own restart replaces them")
        end

        private

        def silent = @silent ||= workers.select { |worker| !worker[:alive] || worker[:stale] }

        # One that was stopped while it wrote has no report that could be read.
        def why(worker)
          return "dead" unless worker[:alive]
          worker[:age] ? "silent for #{worker[:age].round} s" : "without a report"
        end
      end
    end
  end
end
