# frozen_string_literal: true

module AllocStats
  module Allocators::Mimalloc::Stats
    # mi_stats_get_json: 1.9.2, 2.2.2, 3.0.3 and later. Each member of mi_stats_t is there under its name, as a number
    # or as {total, peak, current}; members that later versions bring are passed on.
    module Json
      ABOUT = %w[stat_version version mimalloc_version process].freeze
      # Members that some version has and never counts.
      IDLE = %w[arena_rollback_count].freeze
      OF_3 = %w[heaps theaps pages_reclaim_on_alloc pages_reclaim_on_free pages_reabandon_full pages_unabandon_busy_wait].freeze
      # Live blocks are counted for all threads together from this layout on.
      FIRST_LAYOUT_WITH_ALLOCATED = 6

      module_function

      def parse(text)
        root = Measured.json(text)
        layout = Measured.count(root["stat_version"]) || Measured.count(root["version"]) || 0
        version = Measured.count(root["mimalloc_version"])&.then { |number| Allocators::Mimalloc.plain_version(number) if number < 2**31 } || 0
        members = members(root.except(*ABOUT, *IDLE, *(OF_3 if version < 30_000)))
        raise Malformed, "it has no figures of mimalloc's" if members.slice(*LEVELS, *COUNTERS).compact.empty?
        stats = NONE.merge(members, bins: bins(root, "malloc_bins"), page_bins: bins(root, "page_bins"))
        stats = stats.merge(allocated: nil) if layout < FIRST_LAYOUT_WITH_ALLOCATED
        {source: :json, rounded: false}.merge(stats)
      end

      def members(root)
        root.filter_map { |name, value|
          [name.to_sym, figure(name.to_sym, value)] if !name.start_with?("_") && (value.is_a?(Hash) || value.is_a?(Integer))
        }.to_h
      end
      private_class_method :members

      # Some counters are levels in some versions, of which all but the total means nothing.
      def figure(name, value)
        if value.is_a?(Hash)
          COUNTERS.include?(name) ? Measured.count(value["total"]) : level(value)
        else
          Measured.count(value) unless LEVELS.include?(name)
        end
      end
      private_class_method :figure

      # Below zero is what was taken from and not yet added to.
      def level(value)
        level = %w[current peak total].to_h { |name| [name.to_sym, Measured.count(value[name])] }
        level if level.values.all?
      end
      private_class_method :level

      def bins(root, name)
        Measured.objects(root[name]).filter_map { |row|
          level = level(row) or next
          {size: Measured.count(row["block_size"]), page_size: Measured.count(row["page_size"])}.merge(level) if level[:total].positive?
        }
      end
      private_class_method :bins
    end
  end
end
