# frozen_string_literal: true

module AllocStats
  class Diagnosis
    class Target
      # This process and the workers beside it, for who asks every second: a probe. None of what it reads is /proc/self/smaps,
      # and each thing is read once, when the first check asks.
      class Server < ThisProcess
        # Looked back in the history for so much longer than the limit's time, for points to lie on both sides.
        MARGIN = 60

        # @param snapshot [Snapshot, nil] what it looks at; nil for one of its own, of the tree below `root`
        def initialize(root: "", snapshot: nil, **options)
          super(root: root, **options)
          @snapshot = snapshot || AllocStats::Snapshot.new(root: root)
        end

        # @return [Allocator]
        def owner = @owner ||= @snapshot.allocator

        # @return [Cgroup]
        def group = @group ||= @snapshot.cgroup

        # The one that binds.
        # @return [ProcessMemory::Limit, nil]
        def limit = @limit ||= @snapshot.limit

        # This process and its siblings.
        # @return [Workers]
        def siblings = @siblings ||= @snapshot.workers

        # Of those, the ones whose figures say something about now.
        # @return [Array<Worker>]
        def reporting = siblings.select { |worker| worker.alive? && !worker.stale? }

        def growing_pid = @growing_pid || pid

        def growth_over(limit)
          fastest(limit)&.last
        end

        private

        # Only what was said: an environment is nothing that changes from probe to probe.
        def read_expected
          limits.expect ? super : void(:expected, "nothing is expected")
        end

        def read_cgroup = group.to_h

        def read_resident
          return unseen(:resident, "no limit is known: #{group.reasons[:limit]}") unless limit
          count = siblings.count(&:alive?)
          together = siblings.total[:pss] || siblings.workers_total[:pss] if count > 1
          bytes, whose = together ? [together, "in #{count} workers"] : [siblings.own&.figures&.fetch(:rss), "in this process"]
          bytes ? {bytes: bytes, whose: whose, limit: limit.bytes, source: limit.source} : unseen(:resident, "the resident set cannot be read")
        end

        # By the cheap figures. Some allocators count what they have committed, touched or not: what is kept is then at most
        # what is resident.
        def read_kept
          worker, bytes = reporting.filter_map { |each| kept_of(*each.figures.values_at(:kept, :live, :rss))&.then { |kept| [each, kept] } }.max_by(&:last)
          return unseen(:kept, "#{owner.title} does not count what it keeps on the cheap path") unless worker
          live, rss = worker.figures.values_at(:live, :rss)
          {bytes: bytes, live: live, rss: rss, source: "by the allocator's own count", pid: worker.pid, points: ->(seconds) { kept_over(worker, seconds) }}
        end

        def kept_of(kept, live, rss)
          kept.clamp(0, [rss - live.to_i, 0].max) if kept && rss
        end

        def kept_over(worker, seconds)
          worker.history.points(seconds: seconds + MARGIN).map { |point| [point.time.to_f, kept_of(point.kept, point.live, point.rss), point.rss] }
        end

        # Of the worker that grows fastest.
        def read_growth
          worker, growth = fastest(growth_limit)
          return unseen(:growth, "there is no history yet of the time over which growth is judged") unless growth
          @growing_pid = worker.pid
          growth
        end

        def fastest(limit)
          (@fastest ||= {})[limit] ||= reporting.filter_map { |worker| Rates.growth(worker, limit)&.then { |growth| [worker, growth] } }.max_by { |_, growth| growth.rate }
        end

        def read_workers
          siblings.map { |worker| {index: worker.index, pid: worker.pid, alive: worker.alive?, stale: worker.stale?, age: worker.age} }
        end
      end
    end
  end
end
