# frozen_string_literal: true

module AllocStats
  module HeapProfile
    # The lines that hold most, for a terminal.
    module Table
      ROWS = 20

      module_function

      def of(snapshot, by: :line, count: ROWS)
        rows = snapshot.top(count, by: by)
        head = ["#{by} (the first #{rows.size})", "live", "error", "share", "total"]
        whole = snapshot.live_bytes.bytes
        lines = Formats::Columns.lines(head, rows.map { |row| cells(row, whole) })
        [heading(snapshot), "", *lines, *dropped(snapshot)].join("\n") << "\n"
      end

      def heading(snapshot)
        "#{snapshot.live_bytes} of malloc live, #{snapshot.total_bytes} asked for in #{snapshot.seconds.round(1)} s " \
          "(#{snapshot.total_bytes.samples} samples, every #{bytes(snapshot.interval)})"
      end

      def cells(row, whole)
        share = whole.zero? ? "" : Formats::Units.inline_percent(row.live.to_i, whole.round)
        [row.name.to_s, bytes(row.live.to_i), bytes(row.live.error.round), share, bytes(row.total.to_i)]
      end

      def dropped(snapshot)
        return [] if snapshot.dropped.zero?

        ["", "not in these rows, because the profile was full: #{snapshot.dropped}"]
      end

      def bytes(number) = Formats::Units.inline_bytes(number)
    end
  end
end
