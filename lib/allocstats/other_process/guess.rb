# frozen_string_literal: true

module AllocStats
  class OtherProcess
    # Which allocator another process most likely runs. A library that carries one was preloaded, or the program was
    # linked with it: then it goes before the C library's. One that was opened later is mapped and most likely unused.
    # Where the environment can no longer be read, whichever is mapped is taken for preloaded.
    #
    # - `name` (Symbol) :glibc, :jemalloc, ... or :unknown
    # - `path` (String or nil) of the object that most likely serves malloc
    # - `linkage` (Symbol or nil) :preloaded, :linked, :static or :libc, nil where it does not show
    # - `others` (Array<String>) mapped objects that carry another allocator
    # - `evidence` (Array<String>) what was seen, one sentence each
    Guess = Struct.new(:name, :path, :linkage, :others, :evidence, keyword_init: true) do
      # Never more than likely.
      def sentence
        return "Which allocator runs is not to be seen: no C library is mapped." if name == :unknown
        "#{name} most likely runs malloc (#{path} is mapped); from outside that cannot be proven."
      end
    end

    class Guess
      # What only the library of one allocator exports.
      SIGNS = Allocators.marks.slice(*Allocators.preloadable.map(&:id)).freeze
      WHY = {
        static: "exports what only this allocator has", preloaded: "LD_PRELOAD of the start names it", linked: "the program names it among the libraries it needs",
        libc: "no other allocator goes before it"
      }.tap { |why| why.default = "what was to be preloaded can no longer be read, and it is hardly there for nothing" }.freeze
      LIBRARY = /\A(?:lib)?(#{SIGNS.keys.join("|")})/
      LIBC = Allocators.of_libc.to_h { |allocator| [allocator.id, allocator.libc] }.freeze

      # Whoever is linked early goes before the C library: the program, and Ruby's library.
      PROGRAM = /\Alibruby/

      class << self
        # @param process [OtherProcess]
        # @return [Guess]
        def of(process)
          objects = process.maps.objects
          carriers = carriers_among(objects)
          preloaded = preloaded_in(process, carriers)
          linked = linked_in(process, objects, carriers - preloaded)
          static = static_in(process, objects) if carriers.empty?
          assumed = process.environment.readable? ? [] : carriers
          build(static: static, preloaded: preloaded, linked: linked, assumed: assumed, libc: libc_among(objects), carriers: carriers)
        end

        # The allocator that a library's name stands for.
        # @return [Symbol, nil]
        def named_by(path)
          File.basename(path)[LIBRARY, 1]&.to_sym
        end

        private

        def build(static:, preloaded:, linked:, assumed:, libc:, carriers:)
          name, path = static || first_of(preloaded) || first_of(linked) || first_of(assumed) || libc || [:unknown, nil]
          linkage = if static then :static
          elsif preloaded.include?(path) then :preloaded
          elsif linked.include?(path) then :linked
          elsif path && !assumed.include?(path) then :libc
          end
          others = carriers - [path]
          new(name: name, path: path, linkage: linkage, others: others, evidence: evidence(path, linkage, others))
        end

        def evidence(path, linkage, others)
          [("#{path} is mapped: #{WHY[linkage]}" if path), *others.map { |other| "#{other} is mapped, too" }].compact
        end

        def first_of(paths)
          paths.first&.then { |path| [named_by(path), path] }
        end

        def carriers_among(objects)
          objects.select { |path| named_by(path) }
        end

        def preloaded_in(process, carriers)
          entries = process.environment["LD_PRELOAD"].to_s.b.split(Preloads::SEPARATORS)
          entries.filter_map { |entry| carriers.find { |path| stands_for?(process, entry, path) } }
        end

        # A name without a folder was looked up by the linker, and maps has the file that it is a link to.
        def stands_for?(process, entry, path)
          return path.start_with?(entry) || File.identical?(process.reach(entry), process.reach(path)) if entry.include?("/")
          File.basename(path).b.start_with?(entry)
        rescue ArgumentError # a NUL in what came from an environment
          false
        end

        def linked_in(process, objects, carriers)
          return [] if carriers.empty?
          texts = programs(objects).map { |path| contents(process, path) }
          carriers.select { |path| texts.any? { |text| text.include?("\0#{File.basename(path)[/\A.*?\.so(?:\.\d+)?/]}\0".b) } }
        end

        def static_in(process, objects)
          programs(objects).each do |path|
            text = contents(process, path)
            name, = SIGNS.find { |_, sign| text.include?("\0#{sign}\0".b) }
            return [name, path] if name
          end
          nil
        end

        def programs(objects)
          objects.select.with_index { |path, index| index.zero? || File.basename(path).match?(PROGRAM) }
        end

        def contents(process, path)
          File.binread(process.reach(path))
        rescue SystemCallError
          "".b
        end

        def libc_among(objects)
          LIBC.each do |name, pattern|
            path = objects.find { |object| File.basename(object).match?(pattern) }
            return [name, path] if path
          end
          nil
        end
      end
    end
  end
end
