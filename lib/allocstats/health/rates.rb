# frozen_string_literal: true

module AllocStats
  class Health
    # How fast workers grow, for those who ask every second: a line through an hour is not another one a moment later, and
    # drawing it takes a millisecond for each worker.
    module Rates
      # How long a line is good for.
      SECONDS = 60

      # The share of the time that a history must span: a process that has just begun grows.
      SPAN = 0.9

      @lines = {}
      @mutex = Mutex.new

      module_function

      # @param worker [Worker]
      # @param seconds [Numeric] over which time
      # @return [Float, nil] bytes an hour; nil where the history is shorter
      def growth(worker, seconds)
        return draw(worker.history, seconds) unless worker.identity
        key = [worker.identity, seconds]
        drawn, rate = @mutex.synchronize { @lines[key] }
        return rate if drawn && Clock.now - drawn < SECONDS
        draw(worker.history, seconds).tap { |line| keep(key, line) }
      end

      def draw(history, seconds)
        points = history.points(seconds: seconds)
        return if points.size < 2 || points.last.time - points.first.time < seconds * SPAN
        history.growth(seconds: seconds)
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
