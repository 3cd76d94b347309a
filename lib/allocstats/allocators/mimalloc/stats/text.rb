# frozen_string_literal: true

module AllocStats
  module Allocators::Mimalloc::Stats
    # What mi_stats_print_out prints on versions without JSON: rows of `name: peak total freed current`, in units and
    # with one decimal, so what comes back is rounded down: 64 KiB reads "64.2 KiB", and is at least 642 tenths of a KiB
    # as mimalloc cuts them, of 102 bytes each. Tenths of a MiB have 104857 bytes, and so on.
    module Text
      UNITS = {"" => 1, "K" => 1 << 10, "M" => 1 << 20, "G" => 1 << 30}.freeze
      CELL = /(-?)(\d+)(?:\.(\d))? *(?:([KMG])i?)?B?/n
      ROW = /\A *(?<dash>-?)(?<name>[a-z][a-z ]*?) *(?<bin>\d{1,2})?:(?<cells>.*)/n
      # From left to right; a row with one cell alone holds a total.
      COLUMNS = %i[peak total freed current].freeze

      NAMES = {
        "reserved" => :reserved, "committed" => :committed, "reset" => :reset, "purged" => :purged,
        "touched" => :page_committed, "segments" => :segments, "pages" => :pages, "threads" => :threads,
        "normal" => :malloc_normal, "large" => :malloc_large, "huge" => :malloc_huge, "malloc req" => :malloc_requested,
        "mmaps" => :mmap_calls, "mmap calls" => :mmap_calls, "commits" => :commit_calls, "commit" => :commit_calls,
        "resets" => :reset_calls, "purges" => :purge_calls, "purge" => :purge_calls, "arenas" => :arena_count,
        "guarded" => :malloc_guarded_count, "extended" => :pages_extended, "noretire" => :pages_retire,
        "cached" => :segments_cache, "reclaima" => :pages_reclaim_on_alloc, "reclaimf" => :pages_reclaim_on_free,
        "reabandon" => :pages_reabandon_full, "waits" => :pages_unabandon_busy_wait
      }.freeze

      # Of what a row with a dash is, where the name alone does not say it: the row above that has none.
      NESTED = Ractor.make_shareable({
        %w[segments abandoned] => :segments_abandoned, %w[pages abandoned] => :pages_abandoned,
        %w[arenas purges] => :arena_purges, ["mmap calls", "reset"] => :reset_calls
      })

      module_function

      def parse(text)
        text = text.b
        raise Malformed, "it has no table of statistics" unless text.include?("heap stats")
        stats = NONE.dup
        bins = []
        above = nil
        text.each_line do |line|
          row = ROW.match(line) or next
          next bins.concat(bin(Integer(row[:bin], 10), cells(row[:cells]))) if row[:bin] && row[:name] == "normal"
          above = row[:name] if row[:dash].empty?
          key = NESTED[[above, row[:name]]] || NAMES[row[:name]]
          stats[key] = value(key, cells(row[:cells])) if key
        end
        {source: :text, rounded: true}.merge(stats, bins: bins)
      end

      def value(key, cells)
        return level(cells) if LEVELS.include?(key)
        Measured.count((cells.size == 1) ? cells.first : cells[1])
      end
      private_class_method :value

      # Below zero is what was taken from and not yet added to.
      def level(cells)
        level = COLUMNS.zip(cells.map { |cell| Measured.count(cell) }).to_h
        level.slice(:current, :peak, :total) if level.values.all?
      end
      private_class_method :level

      def cells(text)
        text.scan(CELL).map { |sign, whole, tenth, unit| amount(Integer(whole, 10), tenth, unit.to_s) * (sign.empty? ? 1 : -1) }
      end
      private_class_method :cells

      def amount(whole, tenth, unit)
        return whole * UNITS.fetch(unit) unless tenth
        (whole * 10 + Integer(tenth, 10)) * (UNITS.fetch(unit) / 10)
      end
      private_class_method :amount

      # The bytes of a size class, as blocks; their size, too, is rounded in the text, and follows from the number.
      # @return [Array<Hash>] one, or none where the row lacks something
      def bin(number, cells)
        size = block_size(number)
        level = level(cells)
        (level && size.positive?) ? [{size: size, page_size: nil}.merge(level.transform_values { |bytes| blocks(bytes, size) })] : []
      end
      private_class_method :bin

      # The fewest that print as these bytes.
      def blocks(bytes, size)
        -(-bytes / size)
      end
      private_class_method :blocks

      # 8, 16, ... 64 bytes, and then four classes to each doubling.
      def block_size(number)
        return number * 8 if number <= 8
        doubling, step = (number - 9).divmod(4)
        (64 << doubling) + (step + 1) * (16 << doubling)
      end
      private_class_method :block_size
    end
  end
end
