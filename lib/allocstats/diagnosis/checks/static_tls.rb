# frozen_string_literal: true

module AllocStats
  class Diagnosis
    module Checks
      # An allocator, or what needs one, could not be loaded because its thread-local storage found no room in the block
      # that the C library sets aside for libraries that come later: such a library has to be there from the start.
      class StaticTls < Check
        needs :preloads
        explains :allocator_not_as_asked

        WORDS = /static TLS|initial-exec TLS/
        OBJECT = %r{([^\s:'"]+\.so[.\d]*): }

        def self.told_in?(text)
          text.to_s.match?(WORDS)
        end

        def finding
          reason = reasons.find { |text| StaticTls.told_in?(text) } or return
          object = reason[OBJECT, 1]
          found("#{object ? File.basename(object) : "A library"} found no room for its thread-local storage, so it was not loaded.",
            severity: :wrong, evidence: [reason], remedy: object ? "#{preload_line([{entry: object}, *preloaded])}   # in the environment of the start" : "GLIBC_TUNABLES=glibc.rtld.optional_static_tls=4096")
        end

        private

        def reasons
          [load_error, *preloads.map { |request| request[:reason] }].compact
        end
      end
    end
  end
end
