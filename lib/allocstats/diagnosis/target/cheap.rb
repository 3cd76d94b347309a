# frozen_string_literal: true

module AllocStats
  class Diagnosis
    class Target
      # This process without what walks a heap.
      class Cheap < ThisProcess
        private

        def count_arenas
          {count: OtherProcess::Maps.new(File.binread("/proc/self/maps")).arena_heaps + 1, free: nil}
        end
      end
    end
  end
end
