# frozen_string_literal: true

module AllocStats
  module Allocators::Tcmalloc
    # The text of gperftools' MallocExtension::GetStats: sums first, then a line for each size class that has free
    # blocks in some cache. What is in use by size class, tcmalloc does not say.
    module Census
      LINE = /^MALLOC: [ +=]\s*(\d+) \([^)]*\) (.+)$/
      CLASS = /^class\s+\d+ \[\s*(\d+) bytes \] :\s*(\d+) objs/

      def self.parse(text)
        lines = text.scan(LINE).to_h { |bytes, name| [name.strip, Integer(bytes)] }
        raise ArgumentError, "no sums" if lines.empty?
        caches = ["Bytes in central cache freelist", "Bytes in transfer cache freelist", "Bytes in thread cache freelists"]
        {
          figures: {
            allocated: lines["Bytes in use by application"],
            dirty: lines["Bytes in page heap freelist"],
            cached: (caches - lines.keys).empty? ? lines.values_at(*caches).sum : nil,
            metadata: lines["Bytes in malloc metadata"],
            resident: lines["Actual memory used (physical + swap)"],
            retained: lines["Bytes released to OS (aka unmapped)"]
          }.compact,
          bins: text.scan(CLASS).map { |size, free| {size: Integer(size), free: Integer(free)} }
        }
      end
    end
  end
end
