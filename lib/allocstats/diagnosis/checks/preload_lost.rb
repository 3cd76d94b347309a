# frozen_string_literal: true

module AllocStats
  class Diagnosis
    module Checks
      # An ancestor was started with an allocator in LD_PRELOAD, and this process was not: an entrypoint, a wrapper or
      # sudo dropped the variable, or wrote another value over it.
      class PreloadLost < Check
        needs :preloads, :allocator
        explains :allocator_not_as_asked

        def finding
          lost = failed_preloads.select { |request| request[:source] == :ancestor && !replaced?(request) }
          return if lost.empty? || as_expected? || spared?
          mine = preloads.select { |request| request[:source] == :environment }.map { |request| request[:entry] }.join(":")
          found("#{list(lost.map { |request| request[:entry] })} was #{mine.empty? ? "lost" : "overwritten"} on the way here: an ancestor had it in LD_PRELOAD, and #{title} runs instead.",
            severity: :wrong, evidence: [*lost.map { |request| request[:reason] }, mine.empty? ? "LD_PRELOAD was empty when this process was started" : "LD_PRELOAD was #{mine.inspect} when this process was started"],
            remedy: exec_line(OtherProcess::Guess.named_by(lost.first[:entry])))
        end

        private

        # By another file of the same allocator.
        def replaced?(request)
          running?(OtherProcess::Guess.named_by(request[:entry]))
        end

        def as_expected?
          expected && Expectation.met?(expected, allocator)
        end

        def spared?
          (variables || {}).key?(Expectation::SPARED)
        end
      end
    end
  end
end
