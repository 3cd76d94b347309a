# frozen_string_literal: true

module AllocStats
  class OtherProcess
    # A program or library that a process has mapped, and what its file tells: whether it has a malloc to offer, and whose.
    #
    # The file is the other process's, so it is read as a stranger's: only the very file that is mapped (the kernel's link to
    # it, or what is found at its path in that process's root if it has the mapping's device and inode), only a regular one,
    # and in small pieces that are checked (Procfs::ElfFile::Dynamic). Nothing of it is mapped here.
    class MappedObject
      # What only one allocator offers, in the order in which it is asked: glibc has more than musl.
      MARKS = Allocators::MODULES.to_h { |id, allocator| [id, [Allocators.marks[id], *allocator.signs].compact.uniq] }.freeze
      LIBCS = Allocators.of_libc.map(&:id).freeze
      MALLOC = "malloc"

      # By what they are called, where the file cannot be read.
      LIBRARY = /\A(?:lib)?(#{Allocators.preloadable.map(&:id).join("|")})/
      LIBC = Allocators.of_libc.to_h { |allocator| [allocator.id, allocator.libc] }.freeze

      # The allocator that a library's name stands for.
      # @return [Symbol, nil]
      def self.named(path)
        name = File.basename(path)
        name[LIBRARY, 1]&.to_sym || LIBC.find { |_, pattern| name.match?(pattern) }&.first
      end

      attr_reader :path

      # @param mapping [Maps::Mapping]
      # @param folder [String] of the process, in /proc
      def initialize(mapping, folder)
        @mapping = mapping
        @folder = folder
        @path = mapping.path.delete_suffix(Maps::DELETED)
      end

      # Whether its file could be read; if not, its name is all there is.
      def readable? = !facts.nil?

      # Whether it offers a malloc to all objects.
      def malloc?
        readable? ? facts.defined.include?(MALLOC) : !MappedObject.named(path).nil?
      end

      # The allocator that it carries, or, of one that offers a malloc and bears no mark, :unknown.
      # @return [Symbol, nil]
      def allocator
        return MappedObject.named(path) unless readable?
        marked = MARKS.find { |_, marks| marks.intersect?(facts.defined) }&.first
        return marked || :unknown if malloc?
        marked unless LIBCS.include?(marked)
      end

      # Whether it carries one that is not the C library's.
      def carrier? = !allocator.nil? && !LIBCS.include?(allocator)

      # The libraries that it needs, by the names that the linker looks for; none where it cannot be read.
      def needed = readable? ? facts.needed : []

      # Whether the linker would take it for a library of this name.
      def goes_by?(name)
        [facts&.soname, File.basename(path)].include?(name)
      end

      # Whether this is the file at a path of that process.
      def at?(path)
        same?(File.stat("#{@folder}/root#{path}"))
      rescue SystemCallError, ArgumentError # a NUL in what came from an environment
        false
      end

      private

      def facts
        return @facts if defined?(@facts)
        @facts = read(linked_by_kernel) || read("#{@folder}/root#{path}")
      end

      def linked_by_kernel = format("%s/map_files/%x-%x", @folder, @mapping.start, @mapping.end)

      def read(candidate)
        return unless same?(File.stat(candidate))
        File.open(candidate, File::RDONLY | File::NONBLOCK | File::NOCTTY | File::BINARY) do |file|
          Procfs::ElfFile::Dynamic.new(file, names: [MALLOC, *MARKS.values.flatten]) if same?(file.stat)
        end
      rescue SystemCallError, EOFError, ArgumentError
        nil
      end

      def same?(stat)
        stat.file? && [stat.dev_major, stat.dev_minor, stat.ino] == @mapping.file
      end
    end
  end
end
