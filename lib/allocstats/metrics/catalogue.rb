# frozen_string_literal: true

module AllocStats
  class Metrics
    # The one table of what is exposed, from which the text formats, the registration with prometheus-client and that
    # with Yabeda follow. Figures of a sample come by themselves: their names are derived, their help is their
    # definition in AllocStats.figures. Names and units follow the conventions of Prometheus and OpenMetrics: base units,
    # the unit at the end of the name, "process_" for what is true of any process.
    module Catalogue
      # Figures that others have names for already; the others are the allocator's.
      NAMES = {
        rss: "process_resident_memory_bytes",
        files: "process_resident_file_bytes",
        virtual_size: "process_virtual_memory_bytes",
        minor_faults: "process_minor_page_faults",
        major_faults: "process_major_page_faults",
        ruby_heap_pages: "ruby_heap_pages",
        ruby_heap: "ruby_heap_bytes",
        ruby_heap_live: "ruby_heap_live_bytes"
      }.freeze

      # The end of a name that is a unit; counts have none.
      UNIT = /_(bytes_per_second|bytes|seconds|ratio)\z/

      FACTS = [:allocator, :version, :linkage, :verdict, :path, :worker].freeze

      module_function

      # All families, in the order in which they are exposed.
      # @return [Array<Family>]
      def families
        @families ||= [*facts, *figures, *process, *allocator, *cgroup, *workers, *own].freeze
      end

      def facts
        [
          family(:info, "allocator", FACTS, "which malloc runs the process, by the proof that AllocStats.allocator gives") { |reading|
            reading.workers.map { |worker| [reading.facts(worker), worker.allocator && 1] }
          },
          family(:info, "allocstats", [:version, :ruby_version], "version of allocstats and of the Ruby that it runs in") { |_|
            [[[VERSION, RUBY_VERSION], 1]]
          }
        ]
      end

      # One family for each line of figures.def.
      def figures
        AllocStats.figures.values.map do |figure|
          name = NAMES.fetch(figure.name) { "allocator_#{figure.name}#{"_bytes" if figure.unit == :bytes}" }
          of_workers(figure.kind, name, figure.definition) { |worker| worker.figures[figure.name] }
        end
      end

      # What the agent reads at a slower pace, and what it makes of its history; the limit is one for all workers.
      def process
        [
          of_workers(:gauge, "process_proportional_memory_bytes",
            "resident set with each shared page divided by the processes that map it (PSS): what adds up over workers") { |worker| worker.figures[:pss] },
          of_workers(:gauge, "process_unique_memory_bytes",
            "resident set that no other process maps (USS): what would come back if this one ended") { |worker| worker.figures[:uss] },
          of_workers(:gauge, "process_swapped_memory_bytes",
            "memory of the process that is swapped out, no part of its resident set") { |worker| worker.figures[:swap] },
          of_workers(:gauge, "process_resident_memory_growth_bytes_per_second",
            "slope of a robust line through the last hour of the resident set") { |worker, reading| reading.growth(worker) },
          family(:gauge, "process_resident_memory_growth_verdict", [:verdict, :worker],
            "1 for what the last hour says of the resident set and of the layer of it that grew: warming_up, steady, retention, ruby_objects, files, stacks, mappings or growing; 0 for the others", &:growth_verdicts),
          family(:gauge, "process_memory_limit_bytes", [],
            "smallest limit of memory that binds the process: a control group's, or the machine's memory") { |reading| [[[], reading.limit]] }
        ]
      end

      def allocator
        [
          of_workers(:gauge, "allocator_kept_bytes",
            "memory that malloc keeps beyond what it has given out: resident or committed, minus allocated") { |worker| worker.figures[:kept] },
          of_workers(:counter, "allocator_purges",
            "purges that AllocStats made since the worker began, whatever came of them") { |worker| worker.counters[:purges] },
          of_workers(:counter, "allocator_purged_bytes",
            "bytes by which purges made the resident set smaller since the worker began") { |worker| worker.counters[:purged_bytes] }
        ]
      end

      # Of the group that the process is charged to: all of its processes together, so there is no worker here.
      def cgroup
        [
          of_cgroup("limit", "smallest limit at or above the control group, beyond which the kernel reclaims and then kills", &:limit),
          of_cgroup("high", "smallest memory.high at or above the control group, beyond which the kernel slows its processes down", &:high),
          of_cgroup("usage", "memory charged to the control group that cannot be dropped: anonymous memory, network buffers and the kernel's own", &:usage),
          of_cgroup("charged", "all memory charged to the control group, page cache included", &:usage_raw),
          of_cgroup("swap", "memory of the control group that is swapped out") { |cgroup| cgroup.swap[:usage] },
          of_cgroup("swap_limit", "smallest limit of swap at or above the control group") { |cgroup| cgroup.swap[:limit] },
          family(:counter, "cgroup_memory_events", [:event],
            "how often the control group met its limits since it was made: max is reached, oom found no memory, oom_kill ended a process", &:events),
          family(:counter, "cgroup_memory_pressure_seconds", [:share],
            "time in which some, or all, tasks of the control group waited for memory, since it was made", &:stalls),
          family(:gauge, "cgroup_memory_pressure_ratio", [:share, :window],
            "share of the last 10, 60 or 300 seconds in which some, or all, tasks of the control group waited for memory", &:pressures)
        ]
      end

      # The dead have a place here too, for as long as they are remembered.
      def workers
        [
          of_workers(:gauge, "allocstats_worker_up",
            "whether the worker's process is there: 1, or 0 for a while after one has ended and was not replaced", among: :all_workers) { |worker| worker.alive? ? 1 : 0 },
          of_workers(:gauge, "allocstats_worker_last_report_timestamp_seconds",
            "when the worker last wrote its figures, as Unix time", among: :all_workers) { |worker| worker.reported_at&.to_f },
          of_workers(:counter, "allocstats_worker_samples",
            "samples that the worker's agent has taken") { |worker| worker.counters[:samples] }
        ]
      end

      # Of the worker that is asked, and what asking it costs.
      def own
        [
          family(:gauge, "allocstats_health_status", [:status],
            "1 for what AllocStats.health says of the worker that was asked: pass, warn or fail; 0 for the others", &:health),
          family(:gauge, "allocstats_private_heap_bytes", [:purpose, :worker],
            "memory that allocstats keeps for itself in the worker that was asked, outside of the measured malloc, by purpose", &:private_heap),
          COST
        ]
      end

      # @yieldparam reading [Reading]
      # @yieldreturn [Array] [[values of the labels, number or nil], ...]
      def family(type, name, labels, help, &read)
        Family.new(name: name, type: type, unit: name[UNIT, 1]&.to_sym, help: help, labels: labels.dup.freeze, read: read)
      end

      # One sample for each worker, those that live unless said, of what the block makes of it.
      def of_workers(type, name, help, among: :workers)
        labels = name.start_with?("allocator_") ? [:allocator, :worker] : [:worker]
        family(type, name, labels, help) do |reading|
          reading.public_send(among).map { |worker| [labels.map { |label| (label == :worker) ? worker.index : worker.allocator }, yield(worker, reading)] }
        end
      end

      def of_cgroup(name, help)
        family(:gauge, "cgroup_memory_#{name}_bytes", [], help) { |reading| [[[], reading.cgroup && yield(reading.cgroup)]] }
      end

      # Its sample is the time that all other families took, so Metrics sets it.
      COST = family(:gauge, "allocstats_scrape_seconds", [], "time that reading all of this took, without writing it down") { |_| [] }
    end
  end
end
