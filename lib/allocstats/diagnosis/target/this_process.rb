# frozen_string_literal: true

module AllocStats
  class Diagnosis
    class Target
      # The process that asks: everything can be seen.
      class ThisProcess < Local
        def title = "this process (#{Process.pid}, #{Formats.line($PROGRAM_NAME)})"

        def pid = Process.pid

        # For what can be measured only where there is something of the kind.
        def blindness = "it is not to be had in this process"

        private

        def folder = "/proc/self"

        def owner
          @owner ||= Allocator.detect
        end

        def read_allocator
          {name: owner.name, version: owner.version, title: owner.title, evidence: owner.evidence}
        end

        def read_ownership
          {verdict: owner.verdict, sentence: owner.verdict_sentence, evidence: owner.evidence, functions: owner.functions}
        end

        def linker
          {loaded: Allocator.loaded_objects, secure: Allocators.secure_execution?}
        end

        # Where the start can no longer be read, because a title was written over it, ENV is the next best.
        def read_variables
          start = Procfs::StartEnvironment.new
          (start.readable? ? start.to_h : ENV.to_h).transform_keys { |name| Formats.utf8(name) }.transform_values { |text| Formats.utf8(text) }
        end

        def read_environment_now
          return unseen(:environment_now, "what the process was started with can no longer be read, so nothing can be compared with it") unless Procfs::StartEnvironment.new.readable?
          ENV.to_h
        end

        def read_settings = Settings.read.map(&:to_h)

        def read_sample = Sample.new.to_h

        def read_memory = ProcessMemory.read.to_h

        # With a census where live bytes are counted only there: the doctor is asked by name, and may cost something.
        def read_ledger
          Ledger.read(census: true).to_h
        end

        def read_background_threads
          own = Allocators.running.own_threads or return void(:background_threads, no_own_threads)
          own.wanted?
        end

        def read_ruby_heap
          emptied = Purge::RubyHeap.emptied or return void(:ruby_heap, "this Ruby keeps no emptied pages aside")
          {emptied: emptied, page_bytes: ProcessMemory.heap_page_bytes}
        end

        def read_arenas
          Allocators.running.arenas&.apart ? count_arenas : void(:arenas, no_arenas)
        end

        def count_arenas
          census = Census.take
          {count: census[:arenas], free: Measured.sum(census.arenas.reject { |arena| arena[:index].zero? }.map { |arena| arena[:free] })}
        end

        def read_history
          points = History.read.rows(seconds: growth_limit.seconds)
          points.empty? ? unseen(:history, "no history is kept (AllocStats.start keeps one)") : {points: points}
        end

        def figures
          counts = Sample.new
          Growth.layers(Ledger.read(census: true).to_h).merge(kept_counted: counts.kept, malloc_counted: counts.resident || counts.committed)
        ensure
          counts&.close
        end

        # One that has passed by is remembered for as long as the history goes back; without one, for good.
        def read_peak
          return super unless seen?(:history)
          history[:points].filter_map { |point| point[1] }.max
        end

        def read_workers
          Workers.read.map { |worker| {index: worker.index, pid: worker.pid, alive: worker.alive?, stale: worker.stale?, age: worker.age} }
        end

        def collect = GC.start

        def purge
          Purge.run
          true
        end

        # In a `rescue` after a `require` that failed.
        def read_load_error
          $!.is_a?(LoadError) ? $!.message : void(:load_error, "no LoadError is being handled")
        end
      end
    end
  end
end
