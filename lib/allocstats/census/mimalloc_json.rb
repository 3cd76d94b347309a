# frozen_string_literal: true

require "json"

module AllocStats
  class Census
    # mimalloc's mi_stats_get_json (2.2.2, 3.0.3 and later). Threads add their counts to the sums now and then, so what a
    # sum holds can lag behind what was done, and a build without statistics counts nothing: then it is left out.
    module MimallocJson
      # Live bytes are counted for all threads together from this layout on.
      FIRST_VERSION_WITH_ALLOCATED = 6

      def self.parse(text)
        root = JSON.parse(text)
        current = root.select { |_, value| value.is_a?(Hash) && value.key?("current") }.transform_values { |value| value["current"] }
        {
          figures: figures(root, current),
          bins: bins(root.fetch("malloc_bins", [])),
          details: current.select { |_, value| value.positive? }.transform_keys(&:to_sym)
        }
      rescue JSON::ParserError => error
        raise ArgumentError, error.message
      end

      def self.figures(root, current)
        committed = root.dig("process", "commit_current")
        reserved = current["reserved"]
        {
          allocated: (root["stat_version"].to_i >= FIRST_VERSION_WITH_ALLOCATED) ? counted(current["allocated"]) : nil,
          committed: committed,
          retained: (committed && reserved && reserved >= committed) ? reserved - committed : nil,
          threads: counted(current["threads"]),
          arenas: counted(root["arena_count"])
        }.compact
      end

      def self.counted(value)
        value if value.to_i.positive?
      end

      def self.bins(rows)
        rows.select { |row| row["current"].positive? }.map { |row| {size: row["block_size"], in_use: row["current"], page_size: row["page_size"]}.compact }
      end
      private_class_method :figures, :counted, :bins
    end
  end
end
