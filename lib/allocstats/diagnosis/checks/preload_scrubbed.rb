# frozen_string_literal: true

module AllocStats
  class Diagnosis
    module Checks
      # The process runs under what was preloaded, and has taken LD_PRELOAD out of ENV since: what it starts, or a
      # restart by exec, runs without.
      class PreloadScrubbed < Check
        needs :preloads, :variables, :environment_now

        def finding
          loaded = preloads.select { |request| request[:allocator] && request[:loaded] && request[:source] == :environment }
          gone = loaded.reject { |request| environment_now["LD_PRELOAD"].to_s.include?(request[:entry]) }
          return if gone.empty?
          found("#{list(gone.map { |request| request[:entry] })} was taken out of ENV after the start: what this process starts runs without it.",
            evidence: ["LD_PRELOAD was #{variables["LD_PRELOAD"].inspect} at the start, and is #{environment_now["LD_PRELOAD"].inspect} in ENV"],
            remedy: %(ENV["LD_PRELOAD"] = #{variables["LD_PRELOAD"].inspect}   # or take out the line that removes it))
        end
      end
    end
  end
end
