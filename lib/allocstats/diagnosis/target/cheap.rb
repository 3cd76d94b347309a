# frozen_string_literal: true

module AllocStats
  class Diagnosis
    class Target
      # This process without what walks a heap: for the endpoint, which many may ask. Memory and ledger are of one pass over
      # the mappings.
      class Cheap < ThisProcess
        private

        def pass = @pass ||= ProcessMemory.pass

        def read_memory = ProcessMemory.of(pass).to_h

        def read_ledger = Ledger.of(pass).to_h

        def count_arenas
          {count: OtherProcess::Maps.new(File.binread("/proc/self/maps")).arena_heaps + 1, free: nil}
        end
      end
    end
  end
end
