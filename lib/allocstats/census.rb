# frozen_string_literal: true

module AllocStats
  # The expensive part: the allocator's own full account of itself, read once and taken apart.
  #
  #   census = AllocStats.census
  #   census.allocated       # live bytes; on glibc there is no cheaper way to them
  #   census.arenas          # [{index: 0, mapped: 3022848, free: 75986}, ...], keys by allocator
  #   census.bins            # [{size: 48, in_use: 1200, capacity: 1360}, ...], keys by allocator
  #   census.seconds         # what it cost
  #
  # Sizes are bytes. A key that this allocator's statistics do not have is not there; `figures` uses the names and
  # definitions of AllocStats.figures. Sources: malloc_info(3), jemalloc(3) malloc_stats_print "J", mimalloc's
  # mi_stats_get_json or mi_stats_print_out, gperftools' MallocExtension::GetStats.
  class Census
    # - `allocator` (Symbol) whose statistics they are
    # - `figures` (Hash) name of AllocStats.figures => bytes or count
    # - `arenas`, `bins` (Array<Hash>) what it says of each; empty where it says nothing
    # - `details` (Hash) sums of this allocator's own that no figure stands for
    # - `seconds` (Float) how long the allocator took, without the time to take its text apart
    # - `format` (Symbol) and `text` (String) its stats dump as it was given
    attr_reader :allocator, :figures, :arenas, :bins, :details, :seconds, :format, :text

    # @raise [Unsupported] on an allocator without statistics
    # @raise [Malformed]
    def self.take
      format, text, seconds = Allocators.stats_dump
      raise Unsupported, unsupported unless format
      parse(format, text, allocator: Allocators.bound_name, seconds: seconds)
    end

    # @raise [Malformed] for a text that is not of this format
    def self.parse(format, text, allocator:, seconds:)
      room = Allocators[allocator] or raise UnknownName.among("allocator", allocator, Allocators::LIST)
      parts = Allocators.understanding(format, allocator) { room.census(text) }
      new(allocator: allocator, format: format, text: text, seconds: seconds, **parts)
    end

    def self.unsupported
      "a census is not to be had from #{Allocators.bound_name}: it has no statistics; #{Formats.listed(Allocators.able(:census))} have them"
    end
    private_class_method :unsupported

    def initialize(allocator:, format:, text:, seconds:, figures: {}, arenas: [], bins: [], details: {})
      @allocator = allocator
      @format = format
      @text = text.freeze
      @seconds = seconds
      @figures = figures.freeze
      @arenas = arenas.freeze
      @bins = bins.freeze
      @details = details.freeze
      freeze
    end

    # A figure by name; nil where this census has it not.
    def [](name)
      figures.fetch(name) { Sample::Figure.catalogue.key?(name) ? nil : Sample.unknown_figure(name) }
    end

    # Live bytes, or nil.
    def allocated
      self[:allocated]
    end

    def to_h
      {allocator: allocator, seconds: seconds, figures: figures, details: details, arenas: arenas, bins: bins}
    end

    def inspect
      "#<AllocStats::Census #{allocator} #{figures.map { |name, value| "#{name}=#{value}" }.join(" ")}, " \
        "#{arenas.size} arenas, #{bins.size} bins, #{(seconds * 1000).round(3)} ms>"
    end
  end
end
