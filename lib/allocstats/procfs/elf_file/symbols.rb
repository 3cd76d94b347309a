# frozen_string_literal: true

module AllocStats
  class Procfs::ElfFile
    # Which functions an ELF file offers to others, found as the dynamic linker finds them: by the hash tables of its dynamic
    # symbols (elf(5); the GNU kind by what ld.so does). A program without any, linked statically, is asked by the names in
    # its own symbol table, if it was left there. Reads some hundred bytes a name; a damaged file ends in EOFError.
    class Symbols
      # Tags of the dynamic section.
      DT_HASH, DT_SYMTAB, DT_GNU_HASH = 4, 6, 0x6ffffef5

      # By word size: bytes of a symbol, and where st_shndx is in it; bits of a word.
      SYMBOL = {1 => [16, 14], 2 => [24, 6]}.freeze
      BITS = {1 => 32, 2 => 64}.freeze
      LONGEST_CHAIN = 4096

      # By word size: where e_shoff, e_shentsize are; where sh_offset, sh_size and sh_link are in a section header.
      SECTIONS_AT = {1 => [0x20, 0x2e], 2 => [0x28, 0x3a]}.freeze
      SECTION = {1 => [16, 20, 24], 2 => [24, 32, 40]}.freeze
      SHT_SYMTAB = 2
      MOST_SECTIONS = 256
      MOST_BYTES = 16 << 20
      PIECE = 24 << 14 # a whole number of symbols of either size

      # @param dynamic [Dynamic] which reads the file
      def initialize(dynamic)
        @dynamic = dynamic
        @class = dynamic.word_class
      end

      # @param names [Array<String>]
      # @return [Array<String>] those that it defines
      def defined(names)
        found = @dynamic.dynamic? ? names.select { |name| defines?(name) } : []
        (found.empty? && on_its_own?) ? names_of_static_program(names) : found
      end

      private

      # Neither a library nor a program that needs any.
      def on_its_own? = @dynamic.soname.nil? && @dynamic.interpreter.nil? && @dynamic.needed.empty?

      def defines?(name)
        if (table = @dynamic.offset_of(DT_GNU_HASH)) then in_gnu_hash(table, name)
        elsif (table = @dynamic.offset_of(DT_HASH)) then in_hash(table, name)
        else false
        end
      end

      def in_gnu_hash(table, name)
        hash = name.each_byte.reduce(5381) { |sum, byte| (sum * 33 + byte) & 0xffff_ffff }
        buckets, first, bloom = numbers(table, 3)
        return false if buckets.zero?
        at = table + 16 + bloom * BITS.fetch(@class) / 8
        index = numbers(at + 4 * (hash % buckets), 1).first
        return false if index < first
        chains = at + 4 * buckets
        LONGEST_CHAIN.times do
          found = numbers(chains + 4 * (index - first), 1).first
          return true if (found | 1) == (hash | 1) && symbol?(index, name)
          return false if found.odd?
          index += 1
        end
        false
      end

      def in_hash(table, name)
        hash = name.each_byte.reduce(0) { |sum, byte| ((sum << 4) + byte).then { |next_| (next_ ^ ((next_ & 0xf000_0000) >> 24)) & 0x0fff_ffff } }
        buckets, = numbers(table, 2)
        return false if buckets.zero?
        index = numbers(table + 8 + 4 * (hash % buckets), 1).first
        LONGEST_CHAIN.times do
          return false if index.zero?
          return true if symbol?(index, name)
          index = numbers(table + 8 + 4 * (buckets + index), 1).first
        end
        false
      end

      def numbers(offset, count) = @dynamic.at(offset, 4 * count).unpack("L*")

      # Whether this one has the name, and a place in the file.
      def symbol?(index, name)
        bytes, section_at = SYMBOL.fetch(@class)
        table = @dynamic.offset_of(DT_SYMTAB) or return false
        symbol = @dynamic.at(table + bytes * index, bytes)
        symbol.unpack1("S", offset: section_at).nonzero? && @dynamic.string(symbol.unpack1("L")) == name
      end

      # One name may be the end of another's: what counts is where a symbol points to.
      def names_of_static_program(names)
        symbols, texts = tables
        return [] unless symbols && texts
        text = texts.reduce(+"") { |whole, piece| whole << @dynamic.at(*piece) }
        places = names.to_h { |name| [name, places_of(name, text)] }
        used = symbols.reduce([]) { |found, piece| found | (names_in(@dynamic.at(*piece)) & places.values.flatten) }
        names.select { |name| places[name].intersect?(used) }
      end

      def places_of(name, text)
        places = []
        at = -1
        places << at while (at = text.index("#{name}\0".b, at + 1)) && places.size < LONGEST_CHAIN
        places
      end

      # Where the names are of those that have a place in the file.
      def names_in(symbols)
        bytes, section_at = SYMBOL.fetch(@class)
        (0..symbols.bytesize - bytes).step(bytes).filter_map do |at|
          symbols.unpack1("L", offset: at) unless symbols.unpack1("S", offset: at + section_at).zero?
        end
      end

      # The table of symbols and that of their names, each in pieces: [[offset, size], ...]
      def tables
        sections = section_headers
        symbols = sections.find { |section| section.unpack1("L", offset: 4) == SHT_SYMTAB } or return
        names = sections[symbols.unpack1("L", offset: SECTION.fetch(@class).last)] or return
        [symbols, names].map { |section| pieces(section) }
      end

      def pieces(section)
        offset, size = SECTION.fetch(@class).first(2).map { |at| @dynamic.word(section, at) }
        size = [size, MOST_BYTES].min
        (0...size).step(PIECE).map { |at| [offset + at, [PIECE, size - at].min] }
      end

      def section_headers
        start_at, size_at = SECTIONS_AT.fetch(@class)
        size, count = @dynamic.header.unpack("SS", offset: size_at)
        return [] if size < SECTION.fetch(@class).last + 4 || count.zero?
        table = @dynamic.at(@dynamic.word(@dynamic.header, start_at), size * [count, MOST_SECTIONS].min)
        table.unpack("a#{size}" * (table.bytesize / size))
      end
    end
  end
end
