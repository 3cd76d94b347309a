# frozen_string_literal: true

module AllocStats
  module Command
    class Top
      # One worker or process at one moment. Bytes are Integers, or nil where nobody measured them; `remark` is what else
      # is to be said of it: that it is gone, or does not report.
      Row = Struct.new(:name, :pid, :allocator, :rss, :pss, :live, :kept, :growth, :remark, keyword_init: true) do
        # What tells one from another between two readings.
        def identity = [name, pid]
      end

      class Row
        # The figures that are columns, in their order.
        FIGURES = %i[rss pss live kept growth].freeze

        # What can be sorted by, and the key that does.
        SORTS = {rss: "r", pss: "p", live: "l", kept: "k", growth: "g", pid: "i"}.freeze
      end
    end
  end
end
