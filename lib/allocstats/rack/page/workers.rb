# frozen_string_literal: true

module AllocStats
  module Rack
    class Page
      # The workers of the cluster as rows, and their sums where they may be summed.
      class Workers < Section
        template "workers"
        heading "workers", "Workers"

        # A figure of a worker => the head of its column.
        COLUMNS = {rss: "RSS", pss: "PSS", live: "live", kept: "kept"}.freeze

        private

        def columns = COLUMNS

        def caption
          several? ? "Every worker of the server. PSS is what adds up, since workers share pages." : "This process alone: it sees no others of its server."
        end

        def rows = @rows ||= part(:workers).fetch(:workers, [])

        def total = part(:workers)[:total] || {}

        def several? = rows.size > 1

        def self?(row) = row[:self]

        # [the class, the word] for what is known of it.
        def state(row)
          return ["gone", "dead"] unless row.fetch(:alive, true)
          return ["late", "silent for #{Scale.duration(row[:age] || 0)}"] if row[:stale]
          ["fine", "alive"]
        end

        def allocator(row) = [row[:allocator], row[:version]].compact.join(" ")

        # "+1.2 MiB/h", "−1.2 MiB/h"
        def growth(row)
          rate = row[:growth] or return UNKNOWN
          "#{{1 => "+", -1 => "−"}[rate.round <=> 0]}#{plain_bytes(rate.round.abs)}/h"
        end
      end
    end
  end
end
