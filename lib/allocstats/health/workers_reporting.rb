# frozen_string_literal: true

module AllocStats
  class Health
    # Whether each worker of the cluster still writes down its figures. One that stopped is dead, stuck, or stopped.
    class WorkersReporting < Check
      NAME = "workers:reporting"
      TYPE = "component"
      UNIT = "workers"

      def finding
        all = facts.workers.to_a
        silent = all - facts.reporting
        status, why = judge(:workers) { |level| silent.size >= level.count }
        found(status, all.size - silent.size, "#{sentence(all, silent)}#{"; #{why}" if why}.")
      end

      private

      def sentence(all, silent)
        return "All of #{all.size} report" if silent.empty?

        "Of #{all.size}, #{silent.map { |worker| "#{worker.index} (pid #{worker.pid}, #{why(worker)})" }.join(", ")} no longer report"
      end

      # One that was stopped while it wrote has no report that could be read.
      def why(worker)
        return "dead" unless worker.alive?
        worker.age ? "silent for #{worker.age.round} s" : "without a report"
      end
    end
  end
end
