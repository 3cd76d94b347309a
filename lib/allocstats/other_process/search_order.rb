# frozen_string_literal: true

module AllocStats
  class OtherProcess
    # The objects of another process in the order in which its dynamic linker looks through them for a function (ld.so(8)):
    # the program, what was preloaded, and then the libraries that these need, and that those need in turn. What was opened
    # later (dlopen(3)) is not among them.
    class SearchOrder
      # @return [Array<MappedObject>]
      attr_reader :objects, :preloaded

      # The program; nil where it is not mapped any more.
      # @return [MappedObject, nil]
      attr_reader :program

      # @param process [OtherProcess]
      # @param mapped [Array<MappedObject>] of it
      def initialize(process, mapped)
        @mapped = mapped
        @program = mapped.find { |object| object.path == process.executable } || mapped.first
        @preloaded = entries(process).filter_map { |entry| find(entry) }.uniq
        @objects = with_needed([@program, *@preloaded].compact.uniq)
      end

      private

      def entries(process)
        process.environment["LD_PRELOAD"].to_s.b.split(Procfs::Preloads::SEPARATORS) + system_wide(process).b.split(Procfs::Preloads::SEPARATORS)
      end

      def system_wide(process)
        process.read_root(Procfs::Preloads::SYSTEM_WIDE, MOST_BYTES)
      end

      MOST_BYTES = 64 * 1024
      private_constant :MOST_BYTES

      def find(entry)
        return @mapped.find { |object| object.path.b.start_with?(entry) || object.at?(entry) } if entry.include?("/")
        @mapped.find { |object| object.goes_by?(entry) || File.basename(object.path).b.start_with?(entry) }
      end

      def with_needed(objects)
        objects.each { |object| objects.concat(needed_by(object) - objects) }
      end

      def needed_by(object)
        object.needed.filter_map { |name| @mapped.find { |each| each.goes_by?(name) } }.uniq
      end
    end
  end
end
