# frozen_string_literal: true

module AllocStats
  class Diagnosis
    class Target
      # This process without what walks a heap: for the endpoint, which many may ask. What it looks at is a snapshot's, so that
      # what is judged and what is shown are the same.
      class Cheap < ThisProcess
        def initialize(snapshot: AllocStats::Snapshot.new, **options)
          super(**options)
          @snapshot = snapshot
        end

        private

        def owner = @snapshot.allocator

        def read_settings = @snapshot.settings.map(&:to_h)

        def read_memory = @snapshot.memory.to_h

        def read_ledger = @snapshot.ledger.to_h

        def read_sample = @snapshot.sample.to_h

        def count_arenas
          {count: OtherProcess::Maps.new(File.binread("/proc/self/maps")).arena_heaps + 1, free: nil}
        end
      end
    end
  end
end
