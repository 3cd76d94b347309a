# frozen_string_literal: true

module AllocStats
  module Rack
    class Page
      # Where the resident memory is: one bar whose parts sum to it, each with its name, its bytes and what it means.
      class Ledger < Section
        template "ledger"
        heading "ledger", "Where the resident memory is", "Memory"

        # What a letter of a name takes, and what is around the name, in CSS pixels; and how wide the bar is at least, on
        # screens of each size (page.css has them). A part's name stands under it where there is room.
        LETTER = 6.6
        ROOM = 12
        WIDTHS = {narrow: 320, middle: 640, wide: 900}.freeze

        # What is resident and holds nothing that is in use is hatched.
        HATCHED = {malloc_kept: "hatch", ruby_heap_free: "hatch-ruby"}.freeze

        # `start` and `share` are of the bar, from 0 to 1; both nil for what cannot be told.
        Part = Struct.new(:name, :bytes, :definition, :start, :share, keyword_init: true)

        private

        def ledger = shown(:ledger)

        def rss = ledger[:rss]

        # Layers of which there is nothing are left out; one that cannot be told has its line.
        def parts
          @parts ||= begin
            start = 0.0
            ledger.fetch(:layers, {}).reject { |_, bytes| bytes&.zero? }.map { |name, bytes|
              share = (bytes && rss&.positive?) ? bytes.fdiv(rss) : nil
              Part.new(name: name, bytes: bytes, definition: ledger.dig(:definitions, name), start: start, share: share).tap { start += share || 0 }
            }
          end
        end

        def drawn = parts.select(&:share)

        # The class of a name under the bar: where there is room for it.
        def room(part)
          needed = part.name.length * LETTER + ROOM
          WIDTHS.find { |_, width| part.share * width >= needed }&.first
        end

        def fill(part) = Markup.new(HATCHED.key?(part.name) ? %( fill="url(##{HATCHED[part.name]})") : "")

        def description = listed(drawn.map { |part| "#{words(part.name)} #{percent(part.bytes, rss)}" })

        def reasons = ledger.fetch(:reasons, {})

        def missing = document.dig(:absent, :ledger) || "the kernel's account of the mappings could not be read"
      end
    end
  end
end
