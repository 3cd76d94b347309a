# frozen_string_literal: true

module AllocStats
  module Doctor
    class Subject
      # The process that asks: everything can be seen.
      class ThisProcess < Local
        def title = "this process (#{Process.pid}, #{Formats.line($PROGRAM_NAME)})"

        # For what can be measured only where there is something of the kind.
        def blindness = "it is not to be had in this process"

        private

        def folder = "/proc/self"

        def owner
          @owner ||= AllocStats.allocator
        end

        def read_allocator
          {name: owner.name, version: owner.version, title: owner.title, evidence: owner.evidence}
        end

        def read_ownership
          {verdict: owner.verdict, sentence: owner.verdict_sentence, evidence: owner.evidence}
        end

        def linker
          {loaded: Allocator.loaded_objects, secure: Allocators.secure_execution?}
        end

        # Where the start can no longer be read, because a title was written over it, ENV is the next best.
        def read_variables
          start = StartEnvironment.new
          (start.readable? ? start.to_h : ENV.to_h).transform_keys { |name| Formats.utf8(name) }.transform_values { |text| Formats.utf8(text) }
        end

        def read_environment_now
          return unseen(:environment_now, "what the process was started with can no longer be read, so nothing can be compared with it") unless StartEnvironment.new.readable?
          ENV.to_h
        end

        def read_settings = AllocStats.settings.map(&:to_h)

        def read_sample = AllocStats.sample.to_h

        def read_memory = AllocStats.memory.to_h

        # With a census where live bytes are counted only there: the doctor is asked by name, and may cost something.
        def read_ledger
          AllocStats.ledger(census: true).to_h
        end

        def read_background_threads
          return void(:background_threads, "only jemalloc has threads of its own") unless owner.name == :jemalloc
          AllocStats.mallctl("opt.background_thread")
        end

        def read_arenas
          (owner.name == :glibc) ? count_arenas : void(:arenas, "only glibc has arenas of this kind")
        end

        def count_arenas
          info = AllocStats.malloc_info
          {count: info[:arena_count], free: Measured.sum(info[:arenas].reject { |arena| arena[:index].zero? }.map { |arena| arena[:free] })}
        end

        def read_history
          points = AllocStats.history.points.map { |point| [point.time.to_f, point.rss, point.live, point.kept] }
          points.empty? ? unseen(:history, "no history is kept (AllocStats.start keeps one)") : {points: points}
        end

        def figures
          ledger = AllocStats.ledger(census: true)
          {rss: ledger.rss, live: ledger[:malloc_live], kept: ledger[:malloc_kept]}
        end

        def collect = GC.start

        def purge
          AllocStats.purge
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
