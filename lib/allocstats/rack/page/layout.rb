# frozen_string_literal: true

module AllocStats
  module Rack
    class Page
      # What is around the sections: the head, the way to each section, and the other forms in which the figures are had.
      class Layout < Section
        template "layout"

        # The page's sign: a bar, of which a part is used.
        ICON = "data:image/svg+xml," \
          "%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E" \
          "%3Crect width='32' height='32' rx='7' fill='%230f6b66'/%3E" \
          "%3Cpath d='M7 11h18M7 16h11M7 21h15' stroke='%23fff' stroke-width='3' stroke-linecap='round'/%3E%3C/svg%3E"

        # The same for programs: path below the mount point => what to call it.
        FORMS = {"/report.json" => "JSON", "/report.txt" => "text", "/metrics" => "Prometheus", "/doctor.txt" => "findings", "/health" => "health"}.freeze

        private

        def icon = ICON

        def forms = FORMS

        def sections = @sections ||= SECTIONS.map { |name| Page.const_get(name).new(page) }.select(&:show?)

        # The first is the page's own heading, and needs no way to it.
        def linked = sections.drop(1)

        def title
          allocator = part(:allocator).values_at(:name, :version).compact.join(" ")
          Markup.join([allocator, memory[:rss] && plain_bytes(memory[:rss]), "allocstats"].reject { |text| text.to_s.empty? }, " · ")
        end
      end
    end
  end
end
