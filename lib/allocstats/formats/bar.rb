# frozen_string_literal: true

module AllocStats
  module Formats
    # A proportion as a bar of characters, drawn to an eighth of one where the terminal has the glyphs.
    #
    #   Bar.new(width: 10).draw(0.33)                    # => "███▎"
    #   Bar.new(width: 10, unicode: false).draw(0.33)    # => "###"
    #
    # What is not nothing is always seen, as the thinnest bar there is.
    class Bar
      EIGHTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"].freeze

      def initialize(width:, unicode: true)
        @width = width
        @unicode = unicode
      end

      # share:: 0 is empty and 1 the full width; what lies outside is drawn as the nearer of them
      def draw(share)
        return "" unless share.positive?

        @unicode ? smooth(share.clamp(0, 1)) : "#" * (share.clamp(0, 1) * @width).round.clamp(1, @width)
      end

      # The same, followed by what is left of the width.
      def gauge(share)
        bar = draw(share)
        bar + (@unicode ? "░" : ".") * (@width - bar.length)
      end

      private

      def smooth(share)
        whole, rest = (share * @width * 8).round.clamp(1, @width * 8).divmod(8)
        "█" * whole + EIGHTHS[rest]
      end
    end
  end
end
