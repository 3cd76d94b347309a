# frozen_string_literal: true

module AllocStats
  # mimalloc's statistics under the same keys on every version: what AllocStats.mi_stats answers, and what a census on
  # mimalloc is made of.
  #
  # A key that the running version or build does not count is nil. A build without statistics (MI_STAT=0, which is what
  # a release was before 3.6) counts neither blocks (malloc_normal, bins, ...) nor what is done inside of pages
  # (page_committed, pages_extended, ...). What belongs to a thread is added to the sums now and then, so a sum can lag
  # behind, and one that was taken from before it was added to is below zero and becomes nil.
  module Allocators::Mimalloc::Stats
    autoload :Json, "allocstats/allocators/mimalloc/stats/json"
    autoload :Text, "allocstats/allocators/mimalloc/stats/text"

    PARSERS = {mimalloc_json: :Json, mimalloc_text: :Text}.freeze

    # key => {current:, peak:, total:}
    LEVELS = %i[
      reserved committed page_committed allocated malloc_normal malloc_large malloc_huge
      pages pages_abandoned segments segments_abandoned segments_cache threads heaps theaps
    ].freeze

    # key => Integer, all since the start
    COUNTERS = %i[
      reset purged mmap_calls commit_calls reset_calls purge_calls arena_count arena_purges
      malloc_requested malloc_normal_count malloc_huge_count malloc_guarded_count
      pages_extended pages_retire page_searches page_searches_count
      pages_reclaim_on_alloc pages_reclaim_on_free pages_reabandon_full pages_unabandon_busy_wait
    ].freeze

    # Those that a build without statistics (MI_STAT=0) leaves at 0, or only adds to, or only takes from.
    OF_BLOCKS = %i[
      malloc_normal malloc_large malloc_huge malloc_requested malloc_normal_count malloc_huge_count
      page_committed pages_extended pages_retire
    ].freeze

    # 3.x has no segments.
    OF_SEGMENTS = %i[segments_abandoned segments_cache].freeze

    # No process comes as far as asking with none of these: 0 means that they are not counted.
    NEVER_ZERO = %i[
      reserved committed pages segments heaps theaps malloc_requested malloc_normal_count mmap_calls
      page_searches page_searches_count
    ].freeze

    NONE = Ractor.make_shareable((LEVELS + COUNTERS).to_h { |key| [key, nil] }.merge(bins: [], page_bins: []))

    # @return [Hash] as AllocStats.mi_stats
    def self.read
      Allocators.demand("mi_stats")
      format, text, seconds = Allocators.stats_dump
      stats = Allocators.understanding(format) { parse(format, text) }
      {version: Allocators.bound_version}.merge(stats, process: Allocators::Mimalloc.process_info, seconds: seconds)
    end

    # What mimalloc prints is JSON or a table.
    def self.format_of(text) = text.start_with?("{") ? :mimalloc_json : :mimalloc_text

    # @raise [Malformed] for a text of another kind
    def self.parse(format, text)
      stats = const_get(PARSERS.fetch(format)).parse(text)
      uncounted = NEVER_ZERO.select { |key| none?(stats[key]) }
      uncounted += OF_SEGMENTS if uncounted.include?(:segments)
      uncounted += OF_BLOCKS if none?(stats[:malloc_normal])
      stats.merge(uncounted.to_h { |key| [key, nil] })
    end

    def self.none?(value)
      (value.is_a?(Hash) ? value[:total] : value.to_i).zero?
    end
    private_class_method :none?
  end
end
