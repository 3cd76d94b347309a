# frozen_string_literal: true

module AllocStats
  class Procfs::ElfFile
    # What an ELF file asks of the dynamic linker: the linker's own name (in a program), the name it goes by (in a library)
    # and the libraries it needs. Reads files of this process's own byte order only (elf(5)).
    class Dynamic
      # Where a field lies, by word size: [offset, directive of String#unpack].
      WORD = {1 => ["L", 4], 2 => ["Q", 8]}.freeze
      HEADER_BYTES = 64
      PHOFF = {1 => 28, 2 => 32}.freeze
      PHENTSIZE = {1 => 42, 2 => 54}.freeze
      # p_offset, p_vaddr and p_filesz in a program header.
      SEGMENT = {1 => [4, 8, 16], 2 => [8, 16, 32]}.freeze

      # EI_DATA of this machine: 1 is little-endian, 2 big.
      OWN_DATA = ([1].pack("S").getbyte(0) == 1) ? 1 : 2

      PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3
      DT_NEEDED, DT_STRTAB, DT_SONAME = 1, 5, 14
      MOST_SEGMENTS = 256
      LONGEST_NAME = 4096

      # More than any of its tables, and than any file.
      MOST_BYTES = 1 << 20
      MOST_OFFSET = 1 << 60

      Segment = Struct.new(:type, :offset, :address, :size)

      # @raise [SystemCallError, EOFError] for a file that cannot be read or ends early
      def self.read(path)
        File.open(path, "rb") { |file| new(file) }
      end

      # [String, nil] the dynamic linker that a program is started by
      attr_reader :interpreter

      # [Array<String>] the libraries it names, as they are named
      attr_reader :needed

      # [String, nil] the name that others need it by
      attr_reader :soname

      # [Array<String>] of `names`, the functions that it offers to others
      attr_reader :defined

      # Its first bytes, and the word size in them: 1 is 32 bits, 2 is 64.
      attr_reader :header, :word_class

      # @param file [IO] of an ELF file; what is not one, or is damaged, is EOFError
      # @param names [Array<String>] functions to look for
      def initialize(file, names: [])
        @file = file
        @header = at(0, HEADER_BYTES)
        damaged unless @header.start_with?(Procfs::ElfFile::MAGIC) && @header.getbyte(Procfs::ElfFile::DATA_AT) == OWN_DATA
        @word_class = @class = @header.getbyte(Procfs::ElfFile::CLASS_AT)
        damaged unless WORD.key?(@class)
        @segments = segments
        @interpreter = of_type(PT_INTERP)&.then { |segment| at(segment.offset, [segment.size, LONGEST_NAME].min).delete("\0") }
        @entries = dynamic? ? entries(of_type(PT_DYNAMIC)) : []
        @needed = strings(DT_NEEDED)
        @soname = strings(DT_SONAME).first
        @defined = names.empty? ? [] : Symbols.new(self).defined(names)
      end

      # Whether the dynamic linker has to do with it.
      def dynamic? = !of_type(PT_DYNAMIC).nil?

      # Where in the file a table of the dynamic section is; nil where there is none.
      def offset_of(tag)
        _, address = @entries.find { |each, _| each == tag }
        address && offset_at(address)
      end

      # One of the dynamic section's names.
      def string(index)
        table = offset_of(DT_STRTAB) or return ""
        damaged if table + index > MOST_OFFSET
        @file.seek(table + index)
        @file.gets("\0", LONGEST_NAME).to_s.delete("\0")
      end

      def at(offset, bytes)
        damaged if bytes > MOST_BYTES || offset > MOST_OFFSET
        @file.seek(offset)
        text = @file.read(bytes)
        (text&.bytesize == bytes) ? text : damaged
      end

      def word(text, offset)
        directive, bytes = WORD.fetch(@class)
        text.byteslice(offset, bytes)&.unpack1(directive) || damaged
      end

      private

      def damaged
        raise EOFError, "the file is damaged"
      end

      def segments
        size, count = @header.unpack("SS", offset: PHENTSIZE.fetch(@class))
        count = [count, MOST_SEGMENTS].min
        table = at(word(@header, PHOFF.fetch(@class)), size * count)
        (0...count).map do |index|
          entry = table.byteslice(index * size, size)
          Segment.new(entry.unpack1("L"), *SEGMENT.fetch(@class).map { |offset| word(entry, offset) })
        end
      end

      def of_type(type) = @segments.find { |segment| segment.type == type }

      # [[tag, value], ...]
      def entries(segment)
        directive, bytes = WORD.fetch(@class)
        text = at(segment.offset, segment.size - segment.size % (2 * bytes))
        text.unpack("#{directive}*").each_slice(2).take_while { |tag, _| tag != 0 }
      end

      def strings(tag)
        @entries.select { |each, _| each == tag }.map { |_, index| string(index) }
      end

      # The file knows its tables by the address that they will have.
      def offset_at(address)
        segment = @segments.find { |load| load.type == PT_LOAD && address.between?(load.address, load.address + load.size - 1) }
        segment && segment.offset + address - segment.address
      end
    end
  end
end
