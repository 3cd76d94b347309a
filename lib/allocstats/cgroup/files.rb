# frozen_string_literal: true

module AllocStats
  class Cgroup
    # What the extension read of the group's files, as numbers; each that is nil leaves a reason.
    class Files
      AVERAGES = [:avg10, :avg60, :avg300].freeze

      # name => sentence
      attr_reader :reasons

      def initialize(facts, root:, process:)
        @facts = facts
        @root = root
        @process = process
        @reasons = {}
        absent(:version, why_no_controller) unless version
      end

      def version = @facts[:version]

      def path = @facts[:path]

      # The figure, or nil with a reason; `as` is the reason's name.
      def number(name, as: name)
        number, reading = @facts[:values].fetch(name)
        return number if number.is_a?(Integer)
        absent(as, number ? unlimited(file(name)) : why_not(name, reading))
      end

      # The sum in place of a figure that this kernel does not give; nil where a part is missing as well.
      def sum(name, parts)
        numbers = parts.map { |part| @facts[:values].fetch(part).first }
        return if version != 2 || numbers.any? { |number| !number.is_a?(Integer) }
        @reasons.delete(name)
        @summed = parts
        numbers.sum
      end

      # How anon + sock + kernel was had.
      def usage_definition
        kernel = @summed ? "kernel (as the sum of #{@summed.join(", ")})" : "kernel"
        return "anon + sock + #{kernel} of memory.stat" if version == 2
        "total_rss of memory.stat as anon + memory.kmem.tcp.usage_in_bytes as sock + memory.kmem.usage_in_bytes as kernel"
      end

      # The smallest of a limit that may stand at any level above: [bytes, where] or nil.
      def level_limit(name)
        return absent(name, why_no_controller) unless version
        number, reading, levels_up, refused, refused_levels_up = @facts.fetch(name)
        warn_of_refused(name, refused, refused_levels_up)
        return [number, "#{file_name(name)} of #{folder(levels_up)}"] if number.is_a?(Integer)
        absent(name, number ? unlimited(file(name)) : why_not(name, reading)) unless @reasons[name]
        nil
      end

      # v1 also tells the smallest limit above the mount point, which no folder shows.
      def limit
        here = level_limit(:limit)
        above, = @facts[:values].fetch(:hierarchical_limit)
        return here if !above.is_a?(Integer) || (here && here.first <= above)
        @reasons.delete(:limit)
        [above, "hierarchical_memory_limit of #{folder(0)}/memory.stat"]
      end

      def pressure
        facts = @facts[:pressure]
        source = facts[:folder] && "#{@root}#{facts[:folder]}/memory.pressure"
        return absent(:pressure, "there is no v2 hierarchy, and v1 measures no pressure of a group") unless source
        return absent(:pressure, Procfs::Reason.of(source, facts[:reading])) unless facts[:reading][:status] == :ok
        {some: stall(facts[:some]), full: stall(facts[:full]), source: source}
      end

      def absent(name, reason)
        @reasons[name] ||= reason
        nil
      end

      private

      def stall(fields)
        return unless fields
        AVERAGES.zip(fields).to_h { |name, hundredths| [name, hundredths / 100.0] }.merge(total: fields.last).freeze
      end

      def file_name(name)
        SOURCES.fetch(name)[version - 1]&.first
      end

      def file(name) = "#{folder(0)}/#{file_name(name)}"

      def folder(levels_up)
        "#{@root}#{levels_up.times.inject(path) { |path, _| File.dirname(path) }}"
      end

      def unlimited(file) = "#{file} says that there is no limit"

      def why_not(name, reading)
        return why_no_controller unless version
        source, key = SOURCES.fetch(name)[version - 1]
        return "version #{version} of control groups has no such figure" unless source
        return "#{file(name)} has no line #{key}" if reading[:status] == :unsupported && key
        Procfs::Reason.of(file(name), reading)
      end

      def warn_of_refused(name, refused, levels_up)
        return if refused[:status] == :ok
        absent(name, "#{Procfs::Reason.of("#{folder(levels_up)}/#{file_name(name)}", refused)}, so a smaller limit there would not be seen")
      end

      def why_no_controller
        Procfs::Reason.of("#{@root}#{@process}/cgroup", @facts[:membership]) ||
          Procfs::Reason.of("#{@root}/proc/self/mountinfo", @facts[:mounts]) ||
          "this process is in no control group with a memory controller, or its hierarchy is not mounted"
      end
    end
  end
end
