# frozen_string_literal: true

module AllocStats
  # A shared library on disk, as far as the dynamic linker's refusal to load it can be told from its first bytes (elf(5)).
  class ElfFile
    MAGIC = "\x7FELF".b
    HEADER_BYTES = 20
    # Offsets of EI_CLASS and EI_DATA in e_ident, and of e_machine.
    CLASS_AT = 4
    DATA_AT = 5
    MACHINE_AT = 18

    attr_reader :path

    def initialize(path)
      @path = path
    end

    # A sentence for why this process cannot load it, or nil where nothing speaks against it.
    def refusal
      return "there is no such file" unless File.exist?(path)
      return "it is no file" unless File.file?(path)
      return "it may not be read by this process" unless File.readable?(path)
      return "it is no shared library" unless header.start_with?(MAGIC) && header.bytesize == HEADER_BYTES
      "it was built for another architecture" unless architecture == ElfFile.new("/proc/self/exe").architecture
    end

    # What must be equal for two objects to live in one process: word size, byte order, machine.
    def architecture
      [header.getbyte(CLASS_AT), header.getbyte(DATA_AT), header.byteslice(MACHINE_AT, 2)]
    end

    private

    def header
      @header ||= File.binread(path, HEADER_BYTES) || ""
    rescue SystemCallError
      @header = ""
    end
  end
end
