# frozen_string_literal: true

module AllocStats
  # glibc's malloc_info(3) taken apart: what AllocStats.malloc_info answers, and what a census on glibc is made of.
  #
  # The text has a <heap> for each arena and then the sums. Free chunks are "fast", which wait in small lists to be
  # taken as they are, and "rest"; the lists of each size tell how many of them there are. Chunks that wait in the
  # threads' caches count as in use.
  #
  # A chunk's size has flags in its lowest three bits, which malloc_info counts as bytes (1 a chunk in the main arena,
  # 5 in the others, fast ones apart); here they are taken off, which makes the sums those of mallinfo2.
  module Allocators::Glibc::MallocInfo
    HEAP = %r{<heap nr="(\d+)">(.*?)</heap>}m
    TOTAL = /<total type="(\w+)" count="(\d+)" size="(\d+)"/
    SYSTEM = /<system type="(\w+)" size="(\d+)"/
    SPACE = /<aspace type="(\w+)" size="(\d+)"/
    SIZE = /<size from="(\d+)" to="(\d+)" total="(\d+)" count="(\d+)"/
    FLAGS = 7
    UNSORTED = /<unsorted from="(\d+)" to="(\d+)" total="(\d+)" count="(\d+)"/

    module_function

    # @return [Hash] as AllocStats.malloc_info, without seconds
    # @raise [ArgumentError] for a text of another kind
    def parse(text)
      arenas = text.scan(HEAP).map { |index, body| arena(Integer(index), body) }
      mapped = text.sub(%r{.*</heap>}m, "").scan(TOTAL).assoc("mmap") or raise ArgumentError, "no sum of mmapped chunks"
      {
        arena_count: arenas.size,
        system: arenas.sum { |row| row[:system] },
        in_use: arenas.sum { |row| row[:in_use] },
        free: arenas.sum { |row| row[:free] },
        free_chunks: arenas.sum { |row| row[:free_chunks] },
        mapped_blocks: {count: Integer(mapped[1]), bytes: Integer(mapped[2])},
        arenas: arenas
      }
    end

    def arena(index, body)
      system, space = by_type(body, SYSTEM), by_type(body, SPACE)
      sizes, unsorted = chunks(body, SIZE), chunks(body, UNSORTED)
      fast, rest = free_chunks(body, (sizes + unsorted).sum { |row| row[:count] * row.delete(:flags) })
      free = fast[:bytes] + rest[:bytes]
      {
        index: index, system: system.fetch("current"), system_peak: system["max"],
        in_use: system["current"] - free, free: free, free_chunks: fast[:count] + rest[:count], fast: fast, rest: rest,
        address_space: space["total"], accessible: space["mprotect"], subheaps: space["subheaps"],
        sizes: sizes, unsorted: unsorted.first
      }
    end
    private_class_method :arena

    def free_chunks(body, flags)
      totals = body.scan(TOTAL).to_h { |type, count, size| [type, {count: Integer(count), bytes: Integer(size)}] }
      rest = totals.fetch("rest")
      [totals.fetch("fast"), rest.merge(bytes: rest[:bytes] - flags)]
    end
    private_class_method :free_chunks

    def by_type(body, pattern)
      body.scan(pattern).to_h { |type, size| [type, Integer(size)] }
    end
    private_class_method :by_type

    def chunks(body, pattern)
      body.scan(pattern).map { |numbers|
        from, to, total, count = numbers.map { |number| Integer(number) }
        flags = to & FLAGS
        {from: flags.zero? ? from : from & ~FLAGS, to: to - flags, bytes: total - flags * count, count: count, flags: flags}
      }
    end
    private_class_method :chunks
  end
end
