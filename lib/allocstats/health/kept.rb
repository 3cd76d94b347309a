# frozen_string_literal: true

module AllocStats
  class Health
    # What the allocator keeps beyond the blocks it has given out, against the resident set: memory that a purge may give
    # back. Of the worker that keeps most.
    #
    # Some allocators count what they have committed, touched or not: what is kept is then at most what is resident.
    class Kept < Check
      NAME = "allocator:kept"
      TYPE = "component"
      UNIT = "bytes"

      # Looked back in the history for so much longer than the limit's time, for points to lie on both sides.
      MARGIN = 60

      def finding
        worker, kept = facts.reporting.filter_map { |each| kept_of(*each.figures.values_at(:kept, :live, :rss))&.then { |bytes| [each, bytes] } }.max_by(&:last)
        return unknown("#{facts.allocator.title} does not count what it keeps on the cheap path.") unless worker

        rss = worker.figures[:rss]
        status, why = judge(:kept) { |level| level.reached?(kept, rss) && since(worker, level) }
        found(status, kept, "pid #{worker.pid} keeps #{bytes(kept)} of #{bytes(rss)}#{"; #{why}" if why}.")
      end

      private

      def kept_of(kept, live, rss)
        kept.clamp(0, [rss - live.to_i, 0].max) if kept && rss
      end

      # The history may know that it has lasted for longer than anyone has looked.
      def since(worker, level)
        points = worker.history.points(seconds: level.seconds + MARGIN)
        reached = points.reverse_each.take_while { |point| level.reached?(kept_of(point.kept, point.live, point.rss), point.rss) }
        reached.last&.time || true
      end
    end
  end
end
