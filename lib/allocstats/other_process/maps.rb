# frozen_string_literal: true

module AllocStats
  class OtherProcess
    # What /proc/<pid>/maps tells: the files that are mapped to be executed, and what looks like arenas of glibc.
    class Maps
      LINE = /\A(\h+)-(\h+) (\S{4}) \h+ (\h+):(\h+) (\d+) *([^\0]*)\z/n
      DELETED = " (deleted)"

      # glibc makes the heaps of its arenas in pieces of this size, each at a multiple of it, and opens them for use as
      # they grow: an open part, and a closed one up to the next multiple (malloc/arena.c, HEAP_MAX_SIZE).
      HEAP = 64 << 20

      ARENA_HEAP = /^(\h*[048c]0{6})-(\h+) rw-p \h+ \h+:\h+ \d+ *\n(\h+)-(\h+) ---p \h+ \h+:\h+ \d+ *$/n

      # `file` is [major and minor number of the device, inode].
      Mapping = Struct.new(:start, :end, :permissions, :file, :path)

      # @param text [String] of the file
      def initialize(text)
        @text = text.b
      end

      # Paths of executables and libraries, in the order of their addresses.
      # @return [Array<String>]
      def objects
        @objects ||= executed.map { |mapping| mapping.path.delete_suffix(DELETED) }.uniq
      end

      # Of each of these the first mapping that may be executed.
      # @return [Array<Mapping>]
      def executed
        @executed ||= mappings.select { |mapping| mapping.path.start_with?("/") && mapping.permissions.include?("x") }
          .uniq { |mapping| mapping.path.delete_suffix(DELETED) }
      end

      # How many heaps of glibc's arenas there seem to be beside the main one.
      # @return [Integer]
      def arena_heaps
        @text.scan(ARENA_HEAP).count { |start, open, closed, last| open == closed && last.hex - start.hex == HEAP }
      end

      private

      def mappings = @text.each_line(chomp: true).filter_map { |line| parse(line) }

      def parse(line)
        first, last, permissions, major, minor, inode, path = LINE.match(line)&.captures
        Mapping.new(first.hex, last.hex, permissions, [major.hex, minor.hex, inode.to_i], Formats.utf8(path)) if first
      end
    end
  end
end
