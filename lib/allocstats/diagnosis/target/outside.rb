# frozen_string_literal: true

module AllocStats
  class Diagnosis
    class Target
      # Another process of this machine, by /proc alone.
      class Outside < Local
        # Of a command.
        LONGEST_SHOWN = 120

        # @param pid [Integer]
        # @raise [InvalidValue, OtherProcess::Gone, OtherProcess::NotPermitted]
        def initialize(pid, **options)
          super(**options)
          @process = OtherProcess.new(pid)
        end

        def title = "process #{@process.pid} (#{Formats.line(@process.command)[0, LONGEST_SHOWN]})"

        def pid = @process.pid

        def blindness = "from outside it cannot be seen; only the process itself can tell"

        private

        def folder = "/proc/#{@process.pid}"

        def read_allocator
          guess = @process.allocator
          {name: guess.name, version: nil, title: (guess.name == :unknown) ? "an allocator that cannot be seen" : "most likely #{guess.name}", evidence: [guess.sentence, *guess.evidence]}
        end

        def linker
          {loaded: @process.loaded_names, environment: @process.environment}
        end

        def read_preloads
          return unseen(:preloads, why_no_environment) unless @process.environment.readable?
          super
        end

        def read_variables
          return unseen(:variables, why_no_environment) unless @process.environment.readable?
          @process.environment.to_h.to_h { |name, text| [Formats.utf8(name), Formats.utf8(text)] }
        end

        def why_no_environment = "#{folder}/environ does not show the environment of the start: a title was written over it"

        def read_settings
          seen?(:variables) ? Attribution.settings(variables, allocator[:name]) : unseen(:settings, why_no_environment)
        end

        def read_memory = @process.memory.to_h

        # As the environment asks, or as the parent has them, of which this process may be a fork.
        def read_background_threads
          own = Allocators[allocator[:name]]&.own_threads or return void(:background_threads, no_own_threads)
          return true if parent_has?(own.name)
          return unseen(:background_threads, why_no_environment) unless seen?(:variables)
          own.asked?(variables)
        end

        # @param name [String] of a thread
        def parent_has?(name)
          parent = OtherProcess.new(files.stat.parent)
          parent.maps.objects.first == @process.maps.objects.first && parent.thread_names.key?(name)
        rescue Error # there is none, or it may not be looked at
          false
        end

        def read_arenas
          return void(:arenas, no_arenas) unless Allocators[allocator[:name]]&.arenas&.apart
          {count: @process.maps.arena_heaps + 1, free: nil}
        end

        def figures
          memory = @process.refresh.memory
          files = memory.kinds&.values_at(:code, :file, :shared)
          {rss: memory.rss, files: (files.sum { |kind| kind[:rss] } if files&.all? { |kind| kind&.fetch(:rss) })}
        end
      end
    end
  end
end
