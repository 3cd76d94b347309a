# frozen_string_literal: true

module AllocStats
  module Rack
    class Page
      # What is wrong with the memory of the process that answers, in order of weight, each with what was seen, what it costs
      # and what mends it; a calm line where nothing is.
      class Findings < Section
        template "findings"
        heading "findings", "What was found", "Findings"

        # What grows, in words; a finding says more of what is no good news.
        GROWTH = {
          "warming_up" => "It is warming up: what grows is told once it has settled.",
          "steady" => "It does not grow."
        }.freeze

        def show? = document.key?(:diagnosis)

        private

        def diagnosis = part(:diagnosis)

        def findings = diagnosis[:findings] || []

        def calm
          return "The process could not be examined: #{document.dig(:absent, :diagnosis)}" if diagnosis.empty?
          "Nothing was found by #{diagnosis.fetch(:checked, []).size} checks."
        end

        def growth = GROWTH[diagnosis[:growth].to_s]

        # Where the sentence does not say it already.
        def cost(finding)
          finding[:cost] if finding[:cost] && !finding[:summary].include?(plain_bytes(finding[:cost]))
        end

        # Reason => what could not be looked at for it.
        def unseen
          pairs = diagnosis.fetch(:unseen, {}).transform_keys(&:to_sym)
          pairs.group_by(&:last).transform_values { |same| Diagnosis::Checks.titles(same.map(&:first)).join(", ") }
        end
      end
    end
  end
end
