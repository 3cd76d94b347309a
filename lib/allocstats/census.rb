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
  # Sizes are bytes. A key that this allocator's account does not have is not there; `figures` uses the names and
  # definitions of AllocStats.figures. Sources: malloc_info(3), jemalloc(3) malloc_stats_print "J", mimalloc's
  # mi_stats_get_json or mi_stats_print_out, gperftools' MallocExtension::GetStats.
  class Census
    # The account formats and the file that knows each.
    PARSERS = {
      malloc_info: :MallocInfo,
      jemalloc_json: :JemallocJson,
      mimalloc_json: :MimallocJson,
      mimalloc_text: :MimallocText,
      tcmalloc_stats: :TcmallocStats
    }.freeze

    autoload :MallocInfo, "allocstats/census/malloc_info"
    autoload :JemallocJson, "allocstats/census/jemalloc_json"
    autoload :MimallocJson, "allocstats/census/mimalloc_json"
    autoload :MimallocText, "allocstats/census/mimalloc_text"
    autoload :TcmallocStats, "allocstats/census/tcmalloc_stats"

    # - `allocator` (Symbol) whose account it is
    # - `figures` (Hash) name of AllocStats.figures => bytes or count
    # - `arenas`, `bins` (Array<Hash>) what the account says of each; empty where it says nothing
    # - `details` (Hash) sums of this allocator's own that no figure stands for
    # - `seconds` (Float) how long the allocator took, without the time to take its account apart
    # - `format` (Symbol) and `text` (String) the account as it was given
    attr_reader :allocator, :figures, :arenas, :bins, :details, :seconds, :format, :text

    # @raise [Unsupported] on an allocator without statistics
    def self.take
      format, text, seconds = account
      parse(format, text, allocator: Allocator.bound_name, seconds: seconds)
    end

    # @raise [Error] for a text that is not of this format
    def self.parse(format, text, allocator:, seconds:)
      parts = const_get(PARSERS.fetch(format)).parse(text)
      new(allocator: allocator, format: format, text: text, seconds: seconds, **parts)
    rescue ArgumentError, KeyError, NoMethodError, TypeError => error
      raise Error, "#{allocator} gave an account that allocstats does not understand (#{format}: #{error.message.lines.first&.strip})"
    end

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

    # A figure by name; nil where this account has it not.
    def [](name)
      figures.fetch(name) { Figure.catalogue.key?(name) ? nil : Sample.unknown_figure(name) }
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
