# frozen_string_literal: true

module AllocStats
  class Health
    # How fast the resident set grows, by a robust line through its history: the worker that grows fastest, in bytes an
    # hour, against what it has. A process that has just begun grows, so the line must span its whole time.
    class Growth < Check
      NAME = "memory:growth"
      TYPE = "system"
      UNIT = "bytes/h"

      Line = Struct.new(:worker, :rate) do
        def reaches?(limit) = limit.reached?(rate, worker.figures[:rss])
      end

      def finding
        levels = [:fail, :warn].select { |level| limits.of(:growth, level) }
        lines = levels.to_h { |level| [level, fastest(limits.of(:growth, level))] }.compact
        return unknown("There is no history yet of the time over which growth is judged.") if lines.empty?

        level, line = lines.find { |level, line| line.reaches?(limits.of(:growth, level)) }
        line ||= lines.values.last
        found(level || :pass, line.rate.round, "pid #{line.worker.pid} grows by #{bytes(line.rate.round)} an hour.")
      end

      private

      # @return [Line, nil] nil where no worker has a history that is long enough
      def fastest(limit)
        lines = facts.reporting.filter_map { |worker| Rates.growth(worker, limit.seconds)&.then { |rate| Line.new(worker, rate) } }
        lines.max_by(&:rate)
      end
    end
  end
end
