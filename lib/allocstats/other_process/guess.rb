# frozen_string_literal: true

module AllocStats
  class OtherProcess
    # Which allocator another process most likely runs: the first object, in the order in which the linker looks through
    # them, that offers a malloc, and whose marks it bears. One that was opened later is mapped and most likely unused. Where
    # the environment can no longer be read, whichever is mapped and needed by nobody is taken for preloaded.
    #
    # - `name` (Symbol) :glibc, :jemalloc, ... or :unknown
    # - `path` (String or nil) of the object that most likely serves malloc
    # - `linkage` (Symbol or nil) :preloaded, :linked, :static or :libc, nil where it does not show
    # - `others` (Array<String>) mapped objects that carry another allocator
    # - `sureness` (Symbol) what it rests on: :symbols, of files that were read; :assumption, where what was preloaded cannot
    #   be read any more; :names of files alone
    # - `evidence` (Array<String>) what was seen, one sentence each
    Guess = Struct.new(:name, :path, :linkage, :others, :sureness, :evidence, keyword_init: true) do
      # Never more than likely.
      def sentence
        return "Which allocator runs is not to be seen: no object that offers a malloc is mapped." if path.nil?
        return "#{path} most likely serves malloc, and it is none that allocstats knows; from outside that cannot be proven." if name == :unknown
        "#{name} most likely runs malloc (#{path} is mapped); from outside that cannot be proven."
      end
    end

    class Guess
      WHY = {
        static: "exports what only this allocator has", preloaded: "LD_PRELOAD of the start names it",
        linked: "the program, or a library of it, needs it", libc: "no other allocator goes before it"
      }.tap { |why| why.default = "what was to be preloaded can no longer be read, and it is hardly there for nothing" }.freeze

      RESTS_ON = {
        symbols: "of the files that the linker looks through, in its order, it is the first that exports malloc",
        assumption: "its file exports malloc, and nothing that was linked needs it",
        names: "its file cannot be read here: this is by its name alone"
      }.freeze

      # Ruby's library counts as the program.
      PROGRAM = /\Alibruby/

      class << self
        # @param process [OtherProcess]
        # @return [Guess]
        def of(process)
          mapped = process.maps.executed.map { |mapping| MappedObject.new(mapping, process.folder) }
          order = SearchOrder.new(process, mapped)
          assumed = assumed_among(mapped - order.objects, process)
          owner = owner_among(order, assumed)
          owner ? build(owner, order, assumed, mapped) : new(name: :unknown, path: nil, linkage: nil, others: [], sureness: :names, evidence: [])
        end

        # The allocator that a library's name stands for, beside the C libraries.
        # @return [Symbol, nil]
        def named_by(path)
          File.basename(path)[MappedObject::LIBRARY, 1]&.to_sym
        end

        private

        # What may have been preloaded, where that cannot be read.
        def assumed_among(objects, process)
          process.environment.readable? ? [] : objects.select { |object| object.malloc? && object.carrier? }
        end

        def owner_among(order, assumed)
          program = order.program
          return program if program&.malloc?
          assumed.first || order.objects.find(&:malloc?)
        end

        def build(owner, order, assumed, mapped)
          linkage = linkage_of(owner, order, assumed)
          sureness = sureness_of(owner, assumed)
          others = (mapped.select(&:carrier?) - [owner]).map(&:path)
          new(name: owner.allocator || :unknown, path: owner.path, linkage: linkage, others: others, sureness: sureness, evidence: evidence(owner, linkage, sureness, others))
        end

        def linkage_of(owner, order, assumed)
          return if assumed.include?(owner)
          return :static if owner == order.program || File.basename(owner.path).match?(PROGRAM)
          return :preloaded if order.preloaded.include?(owner)
          MappedObject::LIBCS.include?(owner.allocator) ? :libc : :linked
        end

        def sureness_of(owner, assumed)
          return :names unless owner.readable?
          assumed.include?(owner) ? :assumption : :symbols
        end

        def evidence(owner, linkage, sureness, others)
          ["#{owner.path} is mapped: #{WHY[linkage]}", RESTS_ON.fetch(sureness), *others.map { |other| "#{other} is mapped, too" }]
        end
      end
    end
  end
end
