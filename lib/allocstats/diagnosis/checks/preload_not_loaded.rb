# frozen_string_literal: true

module AllocStats
  class Diagnosis
    module Checks
      # LD_PRELOAD, or /etc/ld.so.preload, names an allocator that the linker did not load: no such file, another
      # architecture, a process with more rights than its user, or a variable that was set only after the start.
      class PreloadNotLoaded < Check
        needs :preloads
        explains :allocator_not_as_asked, :preload_lost

        WHERE = {environment: "LD_PRELOAD", file: Procfs::Preloads::SYSTEM_WIDE}.freeze

        def finding
          failed = failed_preloads.select { |request| WHERE.key?(request[:source]) }
          return if failed.empty? || failed.all? { |request| StaticTls.told_in?(request[:reason]) }
          found("#{list(failed.map { |request| request[:entry] })} was to be preloaded and is not loaded#{"; #{title} runs instead" if allocator}.",
            severity: :wrong, evidence: failed.map { |request| sentence(request) }, remedy: exec_line(OtherProcess::Guess.named_by(failed.first[:entry])))
        end

        private

        def sentence(request)
          "#{WHERE.fetch(request[:source])} names #{request[:entry]}: #{request[:reason]}"
        end
      end
    end
  end
end
