# frozen_string_literal: true

module AllocStats
  module Allocators::Tcmalloc
    # The text of gperftools' MallocExtension::GetStats: sums first, then a line for each size class that has free
    # blocks in some cache. What is in use by size class, tcmalloc does not say.
    module Census
      LINE = /^MALLOC: [ +=]\s*(\d+) \([^)]*\) (.+)$/n
      CLASS = /^class\s+\d+ \[\s*(\d{1,20}) bytes \] :\s*(\d{1,20}) objs/n

      def self.parse(text)
        lines = text.b.scan(LINE).to_h { |bytes, name| [name.strip, Measured.count(bytes)] }
        raise Malformed, "it has no sums" if lines.empty?
        caches = ["Bytes in central cache freelist", "Bytes in transfer cache freelist", "Bytes in thread cache freelists"]
        {
          figures: {
            allocated: lines["Bytes in use by application"],
            dirty: lines["Bytes in page heap freelist"],
            cached: Measured.sum(lines.values_at(*caches)),
            metadata: lines["Bytes in malloc metadata"],
            resident: lines["Actual memory used (physical + swap)"],
            retained: lines["Bytes released to OS (aka unmapped)"]
          }.compact,
          bins: text.b.scan(CLASS).map { |size, free| {size: Integer(size, 10), free: Integer(free, 10)} }
        }
      end
    end
  end
end
