# frozen_string_literal: true

module AllocStats
  module Allocators::Jemalloc
    # What a census takes of malloc_stats_print's JSON. With more than one arena it also has their sum under "merged" and
    # of destroyed ones under "destroyed": the arenas with a number are what is listed here.
    module Census
      TOTALS = {allocated: "allocated", active: "active", metadata: "metadata", resident: "resident", mapped: "mapped", retained: "retained"}.freeze
      NUMBER = /\A\d{1,9}\z/

      def self.parse(text)
        root = Stats.parse(text)
        shape, stats, arenas = root.values_at("arenas", "stats", "stats.arenas").map { |part| Measured.object(part) }
        numbered = arenas.select { |index, _| index.match?(NUMBER) }.transform_values { |arena| Measured.object(arena) }
        parts = {
          figures: totals(stats).merge({arenas: (numbered.size unless numbered.empty?)}.compact),
          arenas: numbered.map { |index, arena| arena_row(Integer(index, 10), arena, Measured.count(shape["page"])) },
          bins: bins(shape, numbered.values)
        }
        parts.values.all?(&:empty?) ? raise(Malformed, "it has no figures of jemalloc's") : parts
      end

      def self.totals(stats)
        TOTALS.transform_values { |key| Measured.count(stats[key]) }.compact
      end

      def self.arena_row(index, arena, page)
        count = ->(name) { Measured.count(arena[name]) }
        pages = ->(name) { Measured.product(count[name], page) }
        {
          index: index, threads: count["nthreads"],
          allocated: Measured.sum(%w[small large].map { |size| Measured.count(Measured.object(arena[size])["allocated"]) }),
          active: pages["pactive"], dirty: pages["pdirty"], muzzy: pages["pmuzzy"],
          resident: count["resident"], mapped: count["mapped"], retained: count["retained"], cached: count["tcache_bytes"]
        }.compact
      end

      # Size classes up to some pages, summed over the arenas; larger ones are extents of their own.
      def self.bins(shape, arenas)
        small, large = %w[bins lextents].map { |list| arenas.map { |arena| Measured.objects(arena[list]) } }
        slabs = Measured.objects(shape["bin"]).each_with_index.map { |bin, index|
          rows = small.filter_map { |list| list[index] }
          count = sum(rows, "curslabs")
          {size: Measured.count(bin["size"]), in_use: sum(rows, "curregs"), capacity: Measured.product(count, Measured.count(bin["nregs"])), slabs: count}
        }
        extents = Measured.objects(shape["lextent"]).each_with_index.map { |extent, index|
          count = sum(large.filter_map { |list| list[index] }, "curlextents")
          {size: Measured.count(extent["size"]), in_use: count, capacity: count}
        }
        slabs.select { |row| row.values.all? } + extents.select { |row| row[:size] && row[:in_use]&.positive? }
      end

      # An arena that has none of a class does not list its figures.
      def self.sum(rows, name)
        Measured.sum(rows.map { |row| row.key?(name) ? Measured.count(row[name]) : 0 })
      end
      private_class_method :totals, :arena_row, :bins, :sum
    end
  end
end
