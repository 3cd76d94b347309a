# frozen_string_literal: true

require_relative "process_memory"

module AllocStats
  # Where the resident memory is: disjoint layers that sum to `rss` to the byte.
  #
  #   ledger = AllocStats.ledger
  #   ledger.rss             # => 68_722_688
  #   ledger[:stacks]        # => 118_784
  #   ledger.layers          # => [#<struct Layer name=:ruby_heap_live, bytes=..., definition="...">, ...]
  #   ledger.reasons         # => {malloc_live: "glibc counts live bytes only in a census ..."}
  #
  # `rss` is the sum of Rss over the mappings of one pass over /proc/self/smaps, which is not the same moment as a
  # sample's rss. The kernel's counts come first: files, stacks, Ruby's heap and whatever else a mapping proves. The
  # allocator's own figures, taken right after, divide what is left of the anonymous memory and are clamped to it, so that
  # no layer is negative and no byte counts twice. What nobody claims is `other`. A layer that cannot be told is nil, and
  # its bytes are in `other`.
  class Ledger
    Layer = Struct.new(:name, :bytes, :definition)

    # Every layer there is, in the order in which they are shown. A ledger has either malloc or malloc_live and malloc_kept.
    DEFINITIONS = {
      ruby_heap_live: "slots of Ruby's heap that hold an object, swept or not, as GC.stat counts them, at most what is resident of its pages",
      ruby_heap_free: "what else is resident of the pages of Ruby's heap: free slots and the pages' own headers",
      ruby_heap_empty: "pages of Ruby's heap without any slots, which it keeps for later; only where there are such (Ruby 3.4 and later)",
      ruby_transient: "Ruby's transient heap, in which the contents of young arrays, hashes and objects are (before Ruby 3.3)",
      malloc_live: "bytes in blocks that malloc has given out and not got back, at most what is resident of the allocator",
      malloc_kept: "what else is resident of the allocator: free room in its pages, caches, free pages and its bookkeeping",
      malloc: "what is resident of the allocator, live blocks and what it keeps, which cannot be told apart here",
      private_heap: "what is resident of allocstats' own allocator, blocks, free room and tables together",
      jit: "code the process has made itself, in anonymous memory that may be executed",
      stacks: "stacks of the threads, and the threads' own data at their top; not those of fibers",
      files: "executables, libraries and other files that are mapped, pages shared with other processes included",
      shared: "shared memory without a file on a disk",
      other: "resident memory that nothing here accounts for"
    }.freeze

    # Resident bytes by this pass; nil where smaps cannot be read.
    attr_reader :rss
    # The layers of this ledger, in the order of DEFINITIONS.
    attr_reader :layers
    # Why a layer is nil or not there, or what it lacks: name => sentence.
    attr_reader :reasons

    # @param census [Boolean] take a census first where the allocator counts live bytes only there (glibc)
    def self.read(census: false)
      Reading.new(census: census).ledger
    end

    # @param pass [Hash] by ProcessMemory.pass, of this very moment
    # @param sample [Sample] taken right after it
    def self.of(pass, sample)
      Reading.new(census: false, scan: pass, sample: sample).ledger
    end

    # @param bytes [Hash{Symbol => Integer, nil}] of the layers that this ledger has
    def initialize(rss:, bytes:, reasons:)
      @rss = rss
      @layers = DEFINITIONS.filter_map { |name, definition| Layer.new(name, bytes[name], definition).freeze if bytes.key?(name) }.freeze
      @reasons = reasons.freeze
      freeze
    end

    # Bytes of a layer; nil where it cannot be told or this ledger has it not.
    # @raise [UnknownName]
    def [](name)
      raise UnknownName.among("layer", name, DEFINITIONS.keys) unless DEFINITIONS.key?(name)
      layers.find { |layer| layer.name == name }&.bytes
    end

    def to_h
      {rss: rss, layers: layers.to_h { |layer| [layer.name, layer.bytes] }, definitions: layers.to_h { |layer| [layer.name, layer.definition] }, reasons: reasons}
    end

    def inspect
      "#<AllocStats::Ledger rss=#{rss.inspect} #{layers.map { |layer| "#{layer.name}=#{layer.bytes.inspect}" }.join(" ")}>"
    end
  end
end

require_relative "ledger/reading"
