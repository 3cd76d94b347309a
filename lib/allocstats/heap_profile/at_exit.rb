# frozen_string_literal: true

module AllocStats
  module HeapProfile
    # `allocstats exec --heap-profile FILE`: a profile from the start of a process to its end, and a file of it then. What the
    # command starts and forks writes files of its own, with its number in the name: worker 4711 of heap.html writes
    # heap.4711.html. A process that is killed, or that leaves by exit!, writes none.
    module AtExit
      FILE = "ALLOCSTATS_HEAP_PROFILE"
      # Whose file has the name as it was given.
      PID = "ALLOCSTATS_HEAP_PROFILE_PID"
      LIBRARY = "allocstats/heap_profile/preload"
      FOLDER = File.expand_path("../..", __dir__)

      module_function

      # What makes the Ruby that is started next, and those that it starts, profile themselves.
      # @return [Hash{String => String}]
      # @raise [UnknownName, InvalidValue]
      def environment(file, base = ENV)
        Snapshot.ending(file)
        path = File.expand_path(file)
        raise InvalidValue, "there is no folder #{File.dirname(path)} to write a heap profile to" unless File.directory?(File.dirname(path))

        {FILE => path, PID => Process.pid.to_s, "RUBYLIB" => [FOLDER, base["RUBYLIB"]].compact.join(":"),
         "RUBYOPT" => [base["RUBYOPT"], "-r#{LIBRARY}"].compact.join(" ")}
      end

      # In the process that is profiled. What goes wrong is told, and no reason for the process not to go on.
      def begin(environment = ENV)
        path = environment[FILE] or return
        HeapProfile.start
        at_exit { write(path, environment[PID]) }
      rescue AllocStats::Error => error
        warn("allocstats: no heap profile: #{error.message}")
      end

      def write(path, first)
        HeapProfile.stop.write(file(path, first)) if HeapProfile.running?
      rescue AllocStats::Error, SystemCallError => error
        warn("allocstats: no heap profile: #{error.message}")
      end

      def file(path, first)
        return path if first == Process.pid.to_s

        ending = Snapshot.ending(path)
        "#{path.delete_suffix(ending)}.#{Process.pid}#{ending}"
      end
    end
  end
end
