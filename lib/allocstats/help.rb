# frozen_string_literal: true

module AllocStats
  # What can be asked of AllocStats, for a person at a console: the questions, by what they are about. Each method's own
  # documentation has shapes, units, costs and errors.
  class Help
    TOPICS = {
      "what is" => {
        report: "all of it, as a page",
        allocator: "which malloc runs this process, and how that is known",
        sample: "the cheap figures, in microseconds",
        memory: "the process's memory as the kernel counts it, and its limits",
        ledger: "the resident memory, split without a rest",
        census: "arenas and bins; may walk the heap",
        settings: "what was asked of an allocator, and what came of it",
        doctor: "what is wrong, and what mends it",
        health: "pass, warn or fail, as at /health"
      },
      "what was" => {
        start: "take a sample every ten seconds from now on; stop ends it",
        history: "those samples",
        workers: "the same for each worker of the server"
      },
      "what can be done" => {
        configure: "say once, for all frameworks, how it is to work; see configuration",
        purge: "give memory back; gc: true collects garbage first",
        tune: "set options by name, or by a profile such as :low_memory",
        measure: "what malloc gave and took while a block ran",
        heap_profile: "which lines of Ruby hold what malloc gave out while a block ran"
      }
    }.freeze

    def to_s
      topics = TOPICS.merge("in each allocator's own words" => native_apis)
      width = topics.values.flat_map(&:keys).map(&:length).max
      topics.map { |topic, methods|
        "#{topic}\n#{methods.map { |name, says| "  AllocStats.#{name.to_s.ljust(width)}  #{says}\n" }.join}"
      }.join("\n")
    end

    # In a console, what is asked for is what is shown.
    def inspect = to_s.chomp

    def pretty_print(printer)
      PrettyPrint.instance_method(:text).bind_call(printer, inspect)
    end

    private

    # method => "jemalloc: what it does"
    def native_apis
      Allocators.select(&:native_api).map { |allocator| allocator.native_api::HELP.transform_values { |says| "#{allocator.id}: #{says}" } }.reduce(:merge)
    end
  end
end
