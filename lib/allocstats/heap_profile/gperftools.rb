# frozen_string_literal: true

module AllocStats
  module HeapProfile
    # The text that gperftools' own pprof reads (Debian's google-pprof): names first, each under a made-up address, then
    # what each stack of addresses holds. Its figures are unbiased already, and say so ("heapprofile", not "heap_v2").
    module Gperftools
      module_function

      def of(snapshot)
        addresses = Hash.new { |known, name| known[name] = format("0x%016x", 0x1000 + known.size * 16) }
        lines = snapshot.rows.map { |row| line(figures(row), row.name.path.reverse.map { |frame| addresses[frame.to_s.tr("\n", "?")] }) }
        whole = figures(Row.new("", snapshot.live_bytes, snapshot.total_bytes))
        symbols = addresses.map { |name, address| "#{address} #{name}\n" }
        ["--- symbol\nbinary=ruby\n", *symbols, "---\nheap profile: #{counts(whole)} @ heapprofile\n", *lines].join
      end

      def figures(row) = [row.live.objects.round, row.live.to_i, row.total.objects.round, row.total.to_i]

      def counts(figures) = format("%6d: %8d [%6d: %8d]", *figures)

      def line(figures, addresses) = "#{counts(figures)} @ #{addresses.join(" ")}\n"

      private_class_method :figures, :counts, :line
    end
  end
end
