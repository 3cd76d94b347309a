# frozen_string_literal: true

module AllocStats
  class Diagnosis
    # How workers grow, for those who ask every second: a line through an hour is not another one a moment later, and
    # drawing it takes a millisecond for each worker.
    module Rates
      # How long a line is good for.
      SECONDS = 60

      @lines = {}
      @mutex = Mutex.new

      module_function

      # @param worker [Worker]
      # @param limit [Limits::Limit] of growth: over which time
      # @return [Growth, nil] nil where the history is shorter
      def growth(worker, limit)
        return draw(worker.history, limit) unless worker.identity
        key = [worker.identity, limit]
        drawn, growth = @mutex.synchronize { @lines[key] }
        return growth if drawn && Clock.now - drawn < SECONDS
        draw(worker.history, limit).tap { |line| keep(key, line) }
      end

      def draw(history, limit)
        points = history.rows(seconds: limit.seconds).select { |_, rss| rss }
        Growth::History.new(points, limit) unless Growth::History.too_short(points, limit)
      end

      # Without those of workers that nobody has asked for since.
      def keep(key, line)
        @mutex.synchronize do
          @lines.delete_if { |_, (drawn)| Clock.now - drawn >= SECONDS }
          @lines[key] = [Clock.now, line]
        end
      end

      private_class_method :draw, :keep
    end
  end
end
