# frozen_string_literal: true

require "json"

module AllocStats
  module Allocators::Mimalloc::Stats
    # mi_stats_get_json: 1.9.2, 2.2.2, 3.0.3 and later. Each member of mi_stats_t is there under its name, as a number
    # or as {total, peak, current}; members that later versions bring are passed on.
    module Json
      # Levels in some versions, of which all but the total means nothing.
      TOTALS_ONLY = %w[reset purged malloc_requested].freeze
      ABOUT = %w[stat_version version mimalloc_version process].freeze
      # Members that some version has and never counts.
      IDLE = %w[arena_rollback_count].freeze
      OF_3 = %w[heaps theaps pages_reclaim_on_alloc pages_reclaim_on_free pages_reabandon_full pages_unabandon_busy_wait].freeze
      # Live blocks are counted for all threads together from this layout on.
      FIRST_LAYOUT_WITH_ALLOCATED = 6

      module_function

      def parse(text)
        root = JSON.parse(text)
        layout = (root["stat_version"] || root["version"]).to_i
        version = Allocators::Mimalloc.plain_version(root.fetch("mimalloc_version"))
        stats = NONE.merge(members(root.except(*ABOUT, *IDLE, *(OF_3 if version < 30_000))), bins: bins(root, "malloc_bins"), page_bins: bins(root, "page_bins"))
        stats = stats.merge(allocated: nil) if layout < FIRST_LAYOUT_WITH_ALLOCATED
        {source: :json, rounded: false}.merge(stats)
      rescue JSON::ParserError => error
        raise ArgumentError, error.message
      end

      def members(root)
        root.filter_map { |name, value|
          next if name.start_with?("_")
          case value
          when Hash then [name.to_sym, TOTALS_ONLY.include?(name) ? value["total"] : level(value)]
          when Integer then [name.to_sym, value]
          end
        }.to_h
      end
      private_class_method :members

      # Below zero is what was taken from and not yet added to.
      def level(value)
        {current: value["current"], peak: value["peak"], total: value["total"]} unless value.values_at("current", "peak", "total").any?(&:negative?)
      end
      private_class_method :level

      def bins(root, name)
        root.fetch(name, []).select { |row| row["total"].positive? && !row["current"].negative? }.map { |row|
          {size: row["block_size"], page_size: row["page_size"], current: row["current"], peak: row["peak"], total: row["total"]}
        }
      end
      private_class_method :bins
    end
  end
end
