# frozen_string_literal: true

module AllocStats
  module Allocators::Jemalloc
    # What a census takes of malloc_stats_print's JSON. With more than one arena it also has their sum under "merged" and
    # of destroyed ones under "destroyed": the arenas with a number are what is listed here.
    module Census
      TOTALS = {allocated: "allocated", active: "active", metadata: "metadata", resident: "resident", mapped: "mapped", retained: "retained"}.freeze

      def self.parse(text)
        root = Stats.parse(text)
        page = root.fetch("arenas").fetch("page")
        numbered = root.fetch("stats.arenas", {}).select { |index, _| index.match?(/\A\d+\z/) }
        {
          figures: totals(root.fetch("stats", {})).merge(arenas: numbered.size),
          arenas: numbered.map { |index, arena| arena_row(Integer(index), arena, page) },
          bins: bins(root.fetch("arenas"), numbered.values)
        }
      end

      def self.totals(stats)
        TOTALS.transform_values { |key| stats[key] }.compact
      end

      def self.arena_row(index, arena, page)
        {
          index: index, threads: arena["nthreads"],
          allocated: arena.dig("small", "allocated").to_i + arena.dig("large", "allocated").to_i,
          active: arena["pactive"]&.*(page), dirty: arena["pdirty"]&.*(page), muzzy: arena["pmuzzy"]&.*(page),
          resident: arena["resident"], mapped: arena["mapped"], retained: arena["retained"], cached: arena["tcache_bytes"]
        }.compact
      end

      # Size classes up to some pages, summed over the arenas; larger ones are extents of their own.
      def self.bins(shape, arenas)
        shape.fetch("bin").each_with_index.map { |bin, index|
          rows = arenas.map { |arena| arena.fetch("bins", [])[index] }.compact
          slabs = rows.sum { |row| row["curslabs"].to_i }
          {size: bin["size"], in_use: rows.sum { |row| row["curregs"].to_i }, capacity: slabs * bin["nregs"], slabs: slabs}
        } + shape.fetch("lextent").each_with_index.map { |extent, index|
          count = arenas.sum { |arena| arena.fetch("lextents", [])[index]&.fetch("curlextents", 0).to_i }
          {size: extent["size"], in_use: count, capacity: count}
        }.select { |row| row[:in_use].positive? }
      end
      private_class_method :totals, :arena_row, :bins
    end
  end
end
