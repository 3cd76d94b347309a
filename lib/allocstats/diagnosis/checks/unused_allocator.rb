# frozen_string_literal: true

module AllocStats
  class Diagnosis
    module Checks
      # An allocator is loaded and serves nobody: a library brought it along, and whoever looks at the list of mapped
      # files takes it for the one that runs.
      class UnusedAllocator < Check
        needs :ownership

        def finding
          return unless ownership[:verdict] == :mapped_unused
          found("Another allocator is loaded and not used.", evidence: [ownership[:sentence], *ownership[:evidence]].uniq,
            remedy: remedy)
        end

        private

        # What was preloaded beside the one that runs is left out; what came otherwise was perhaps meant to run.
        def remedy
          unused = ownership[:evidence].filter_map { |line| line[/\A(\S+) carries /, 1] }
          idle = preloaded.select { |request| unused.include?(request[:loaded]) || unused.include?(request[:entry]) }
          return preload_line(preloaded - idle) if idle.any?
          "#{exec_line(unused.filter_map { |path| OtherProcess::Guess.named_by(path) }.first)}   # if it was meant to run; otherwise the gem that links it can be built without it"
        end
      end
    end
  end
end
