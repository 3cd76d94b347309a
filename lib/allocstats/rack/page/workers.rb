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
          several? ? "Every worker of the server, as it has reported last. Choose the one whose memory and history are shown, and that is purged." :
            "This process alone: it sees no others of its server."
        end

        # What the sums mean: workers share pages, which count in each one's RSS.
        MEANING = "of those that are alive, with the master: PSS is what they take of the machine, since it divides the pages that they share; RSS counts those once for each"

        def meaning = total[:meaning] || MEANING

        def rows = workers

        def shown?(row) = chosen ? row[:index] == chosen : self?(row)

        # The process that forked them, and what else belongs to the server.
        def masters = part(:workers).fetch(:masters, [])

        # What such a row is by its title, of which Puma's only says that it is a server (Agent::ProcessTitle).
        def called(row) = [nil, "server"].include?(row[:title]) ? "master" : row[:title]

        # How old its figures are; PSS, which is read more seldom, where that is older.
        def age(row)
          age = self?(row) ? 0 : row[:age]
          slow = row[:slow_age] if row.dig(:figures, :pss)
          told = age ? ago(age) : UNKNOWN
          (slow && slow >= age.to_f + 1) ? Markup.join([told, "PSS #{ago(slow)}"], ", ") : told
        end

        def ago(seconds) = (seconds < 1) ? "now" : Scale.duration(seconds)

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
