# frozen_string_literal: true

module AllocStats
  # A shared library on disk, as far as the dynamic linker's refusal to load it can be told from the file (elf(5)).
  class Procfs::ElfFile
    autoload :Dynamic, "allocstats/procfs/elf_file/dynamic"
    autoload :Symbols, "allocstats/procfs/elf_file/symbols"

    MAGIC = "\x7FELF".b
    HEADER_BYTES = 20
    # Offsets of EI_CLASS and EI_DATA in e_ident, and of e_machine.
    CLASS_AT = 4
    DATA_AT = 5
    MACHINE_AT = 18

    # How the C libraries and their dynamic linkers are named.
    LIBCS = {musl: /\A(ld-musl-|libc\.musl-|libc\.so\z)/, glibc: /\A(ld-linux|ld64\.so|ld\.so\.1|libc\.so\.6)/}.freeze

    # The program that runs this process; Ruby's own where /proc is not there.
    def self.own
      new(["/proc/self/exe", RbConfig.ruby].find { |path| File.readable?(path) })
    end

    attr_reader :path

    def initialize(path)
      @path = path
    end

    # A sentence for why this process cannot load it, or nil where nothing speaks against it.
    def refusal
      return "there is no such file" unless File.exist?(path)
      return "it is no file" unless File.file?(path)
      return "it may not be read by this process" unless File.readable?(path)
      return "it is no shared library" unless elf?
      return "it was built for another architecture" unless architecture == Procfs::ElfFile.own.architecture
      other = foreign_libc
      "it was built for #{other}, and this process runs on #{Procfs::ElfFile.own.libc}" if other
    end

    # What must be equal for two objects to live in one process: word size, byte order, machine.
    def architecture
      [header.getbyte(CLASS_AT), header.getbyte(DATA_AT), header.byteslice(MACHINE_AT, 2)]
    end

    # The C library that it was built for, nil where it names none: a program says so by its dynamic linker, a library
    # by what it needs.
    # @return [:glibc, :musl, nil]
    def libc
      return unless elf?
      dynamic = Dynamic.read(path)
      names = [dynamic.interpreter, *dynamic.needed].compact.map { |name| File.basename(name) }
      LIBCS.keys.find { |libc| names.any? { |name| name.match?(LIBCS[libc]) } }
    rescue SystemCallError, EOFError # it is damaged
      nil
    end

    private

    def elf?
      header.start_with?(MAGIC) && header.bytesize == HEADER_BYTES
    end

    def foreign_libc
      own = Procfs::ElfFile.own.libc
      libc unless own.nil? || [nil, own].include?(libc)
    end

    def header
      @header ||= File.binread(path, HEADER_BYTES) || ""
    rescue SystemCallError
      @header = ""
    end
  end
end
