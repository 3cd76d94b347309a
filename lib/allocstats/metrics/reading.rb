# frozen_string_literal: true

module AllocStats
  class Metrics
    # What the catalogue reads from, each part once: the workers' slots, the control group, the verdict, health. A part
    # that cannot be read is empty, and costs none of the others.
    class Reading
      # What the kernel's words for time lost to memory become as labels.
      SHARES = [:some, :full].freeze
      WINDOWS = {avg10: "10s", avg60: "60s", avg300: "300s"}.freeze

      # limits:: what health is judged by
      # target:: where it is read from; anything but this server is for tests
      def initialize(limits: Diagnosis::Limits.default, target: Diagnosis::Target::Server.new(limits: limits))
        @limits = limits
        @target = target
        @parts = {}
      end

      # Those whose figures hold: one that has ended has none.
      # @return [Array<Worker>]
      def workers
        part(:living) { all_workers.select(&:alive?) } || []
      end

      # One for each index: a slot that was left behind goes under the index of the worker that took its place.
      # @return [Array<Worker>]
      def all_workers
        part(:workers) { newest(@target.siblings) } || []
      end

      # The values of Catalogue::FACTS. How malloc came to be whose it is, is looked at in this process alone; it is true
      # of those that were forked like it, as long as they say the same of the allocator itself.
      def facts(worker)
        here = part(:allocator) { @target.owner }
        here = nil unless here&.name.to_s == worker.allocator.to_s && here&.version == worker.version
        [worker.allocator, worker.version, here&.linkage, worker.verdict, here&.path, worker.index]
      end

      # Bytes per second, where there is a history that is long enough.
      def growth(worker)
        part([:growth, worker.index]) { Diagnosis::Rates.growth(worker, Diagnosis::Limits.default.of(:growth, :warn)) }&.then { |growth| growth.rate / 3600 }
      end

      # How each worker grows, by a word of Diagnosis::Growth::VERDICTS; nothing of those that have no history at all.
      def growth_verdicts
        workers.flat_map do |worker|
          verdict = part([:verdict, worker.index]) { verdict_of(worker) } or next []
          Diagnosis::Growth::VERDICTS.map { |each| [[each, worker.index], (each == verdict) ? 1 : 0] }
        end
      end

      # @return [Integer, nil] the smallest limit there is: a control group's, or the machine's memory
      def limit
        part(:limit) { @target.limit&.bytes }
      end

      # @return [Cgroup, nil] nil also where there is no memory controller
      def cgroup
        part(:cgroup) { @target.group if @target.group.version }
      end

      def events
        cgroup ? cgroup.events.map { |event, count| [[event], count] } : []
      end

      def stalls
        each_share { |share, stall| [[[share], stall[:total] / 1_000_000.0]] }
      end

      def pressures
        each_share { |share, stall| WINDOWS.map { |average, window| [[share, window], (stall[average] / 100).round(6)] } }
      end

      # Of the worker that answers: the others' is theirs.
      def private_heap
        index = workers.find(&:self?)&.index
        held = part(:private_heap) { PrivateHeap.held } || {}
        held.map { |purpose, bytes| [[purpose, index], bytes] }
      end

      def health
        status = part(:health) { Health.new(@limits, @target).status } or return []
        Health::STATUSES.map { |each| [[each], (each == status) ? 1 : 0] }
      end

      private

      def verdict_of(worker)
        growth = Diagnosis::Rates.growth(worker, Diagnosis::Limits.default.of(:growth, :warn))
        return growth.verdict if growth
        :warming_up unless worker.history.empty?
      end

      def each_share
        pressure = cgroup&.pressure or return []
        SHARES.flat_map { |share| pressure[share] ? yield(share, pressure[share]) : [] }
      end

      def newest(workers)
        workers.group_by(&:index).map { |_, same| same.max_by { |worker| [worker.alive? ? 1 : 0, worker.reported_at.to_f] } }
      end

      def part(name)
        @parts.fetch(name) do
          @parts[name] = begin
            yield
          rescue StandardError, ScriptError
            nil
          end
        end
      end
    end
  end
end
