# frozen_string_literal: true

module AllocStats
  # glibc's malloc_info(3) taken apart: what AllocStats.malloc_info answers, and what a census on glibc is made of.
  #
  # The text has a <heap> for each arena and then the sums. Free chunks are "fast" (before glibc 2.43), which wait in
  # small lists to be taken as they are, and "rest"; the lists of each size tell how many of them there are. Chunks that
  # wait in the threads' caches count as in use. What a text does not say is nil.
  #
  # A chunk's size has flags in its lowest three bits, which malloc_info counts as bytes (1 a chunk in the main arena,
  # 5 in the others, fast ones apart); here they are taken off, which makes the sums those of mallinfo2.
  module Allocators::Glibc::MallocInfo
    HEAP = %r{<heap nr="(\d{1,9})">(.*?)</heap>}mn
    TOTAL = /<total type="(\w+)" count="(\d{1,20})" size="(\d{1,20})"/n
    SYSTEM = /<system type="(\w+)" size="(\d{1,20})"/n
    SPACE = /<aspace type="(\w+)" size="(\d{1,20})"/n
    SIZE = /<size from="(\d{1,20})" to="(\d{1,20})" total="(\d{1,20})" count="(\d{1,20})"/n
    FLAGS = 7
    UNSORTED = /<unsorted from="(\d{1,20})" to="(\d{1,20})" total="(\d{1,20})" count="(\d{1,20})"/n

    module_function

    # @return [Hash] as AllocStats.malloc_info, without seconds
    # @raise [Malformed] for a text of another kind
    def parse(text)
      text = text.b
      arenas = text.scan(HEAP).map { |index, body| arena(Integer(index, 10), body) }
      sums = text.sub(%r{.*</heap>}mn, "")
      raise Malformed, "it has no arenas" if arenas.empty?
      raise Malformed, "it has no sums" unless sums.match?(TOTAL)
      {arena_count: arenas.size}
        .merge(%i[system in_use free free_chunks].to_h { |key| [key, Measured.sum(arenas.map { |row| row[key] })] })
        .merge(mapped_blocks: totals(sums).fetch("mmap", UNKNOWN), arenas: arenas)
    end

    UNKNOWN = {count: nil, bytes: nil}.freeze
    private_constant :UNKNOWN

    def arena(index, body)
      system, space = by_type(body, SYSTEM), by_type(body, SPACE)
      sizes, unsorted = chunks(body, SIZE), chunks(body, UNSORTED)
      fast, rest = free_chunks(body, (sizes + unsorted).sum { |row| row[:count] * row.delete(:flags) })
      kinds = [fast, rest || UNKNOWN].compact
      free = Measured.sum(kinds.map { |kind| kind[:bytes] })
      {
        index: index, system: system["current"], system_peak: system["max"],
        in_use: Measured.difference(system["current"], free), free: free, free_chunks: Measured.sum(kinds.map { |kind| kind[:count] }),
        fast: fast, rest: rest, address_space: space["total"], accessible: space["mprotect"], subheaps: space["subheaps"],
        sizes: sizes, unsorted: unsorted.first
      }
    end
    private_class_method :arena

    def free_chunks(body, flags)
      fast, rest = totals(body).values_at("fast", "rest")
      [fast, rest&.merge(bytes: Measured.difference(rest[:bytes], flags))]
    end
    private_class_method :free_chunks

    def totals(text)
      text.scan(TOTAL).to_h { |type, count, size| [type, {count: Measured.count(count), bytes: Measured.count(size)}] }
    end
    private_class_method :totals

    def by_type(body, pattern)
      body.scan(pattern).to_h { |type, size| [type, Measured.count(size)] }
    end
    private_class_method :by_type

    # Rows of which all four numbers can be: in a list of some size no chunk is smaller than its flags.
    def chunks(body, pattern)
      body.scan(pattern).filter_map { |numbers|
        from, to, total, count = numbers.map { |number| Integer(number, 10) }
        flags = to & FLAGS
        bytes = Measured.difference(total, flags * count) or next
        {from: flags.zero? ? from : from & ~FLAGS, to: to - flags, bytes: bytes, count: count, flags: flags}
      }
    end
    private_class_method :chunks
  end
end
