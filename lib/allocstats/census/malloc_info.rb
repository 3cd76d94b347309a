# frozen_string_literal: true

module AllocStats
  class Census
    # glibc's malloc_info(3): one <heap> an arena, then the sums. "fast" and "rest" are free chunks; chunks that wait in
    # the threads' caches count as in use, so allocated includes them.
    module MallocInfo
      HEAP = %r{<heap nr="(\d+)">(.*?)</heap>}m
      TOTAL = /<total type="(\w+)" count="(\d+)" size="(\d+)"/
      SYSTEM = /<system type="current" size="(\d+)"/
      # Sub-heaps of 64 MB (32 MB where an int is half as wide) that a secondary arena is made of.
      SUBHEAPS = /<aspace type="subheaps" size="(\d+)"/

      def self.parse(text)
        arenas = text.scan(HEAP).map { |index, body| {index: Integer(index)}.merge(sums(body)) }
        whole = text.sub(%r{.*</heap>}m, "")
        large = whole.scan(TOTAL).assoc("mmap") or raise ArgumentError, "no sum of mmapped chunks"
        mapped_alone = Integer(large[2])
        {
          figures: {
            allocated: arenas.sum { |arena| arena[:allocated] } + mapped_alone,
            mapped: arenas.sum { |arena| arena[:mapped] } + mapped_alone,
            arenas: arenas.size
          },
          arenas: arenas,
          details: {large_blocks: Integer(large[1]), large_bytes: mapped_alone, free: arenas.sum { |arena| arena[:free] }}
        }
      end

      def self.sums(body)
        free = body.scan(TOTAL).sum { |_, _, size| Integer(size) }
        mapped = Integer(body[SYSTEM, 1])
        {mapped: mapped, allocated: mapped - free, free: free, subheaps: body[SUBHEAPS, 1]&.to_i}.compact
      end
      private_class_method :sums
    end
  end
end
