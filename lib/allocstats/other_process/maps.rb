# frozen_string_literal: true

module AllocStats
  class OtherProcess
    # What /proc/<pid>/maps tells: the files that are mapped to be executed, and what looks like arenas of glibc.
    class Maps
      LINE = /\A(\h+)-(\h+) (\S{4}) \h+ \S+ \d+ *([^\0]*)\z/n
      DELETED = " (deleted)"

      # glibc makes the heaps of its arenas in pieces of this size, each at a multiple of it, and opens them for use as
      # they grow: an open part, and a closed one up to the next multiple (malloc/arena.c, HEAP_MAX_SIZE).
      HEAP = 64 << 20

      Mapping = Struct.new(:start, :end, :permissions, :path)

      # @param text [String] of the file
      def initialize(text)
        @mappings = text.each_line(chomp: true).filter_map { |line| parse(line) }
      end

      # Paths of executables and libraries, in the order of their addresses.
      # @return [Array<String>]
      def objects
        @objects ||= @mappings.select { |mapping| mapping.path.start_with?("/") && mapping.permissions.include?("x") }
          .map { |mapping| mapping.path.delete_suffix(DELETED) }.uniq
      end

      # How many heaps of glibc's arenas there seem to be beside the main one.
      # @return [Integer]
      def arena_heaps
        @mappings.each_cons(2).count { |open, closed| heap?(open, closed) }
      end

      private

      def parse(line)
        first, last, permissions, path = LINE.match(line)&.captures
        Mapping.new(first.hex, last.hex, permissions, Formats.utf8(path)) if first
      end

      def heap?(open, closed)
        (open.start % HEAP).zero? && open.permissions == "rw-p" && open.path.empty? &&
          closed.permissions == "---p" && closed.path.empty? && closed.start == open.end && closed.end - open.start == HEAP
      end
    end
  end
end
