# frozen_string_literal: true

module AllocStats
  module Command
    class Bench
      # Lines over time as an SVG that stands alone: light and dark, with a legend, and with words for those who cannot see it.
      class Chart
        # `points` and `marks` are [x, y] and [x, y, :dot or :ring]; lines of one group have one colour; `value` is what it
        # came to, as the legend tells it.
        Line = Struct.new(:name, :group, :points, :marks, :value, keyword_init: true)

        WIDTH = 1040
        HEIGHT = 572
        LEFT = 70
        RIGHT = 310
        TOP = 96
        BOTTOM = 74
        LABEL = 22
        MOST_POINTS = 400

        # Told apart by all kinds of eyes (Okabe and Ito's colours, the yellow left out), and by their strokes.
        COLOURS = %w[#d55e00 #0072b2 #009e73 #cc79a7 #e69f00 #56b4e9 #7a7a7a].freeze
        STROKES = ["", "7 4", "2 4", "12 4 2 4"].freeze

        STYLE = <<~CSS
          svg { background: #ffffff; font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif; }
          text { fill: #333a45; font-size: 13px; }
          .title { font-size: 20px; font-weight: 600; fill: #14181f; }
          .quiet { fill: #69717d; font-size: 12px; }
          .grid { stroke: #e3e6ea; stroke-width: 1; }
          .axis { stroke: #9aa2ad; stroke-width: 1; }
          .line { fill: none; stroke-width: 2.25; stroke-linejoin: round; stroke-linecap: round; }
          .leader { fill: none; stroke-width: 1; opacity: .45; }
          .ring { stroke-width: 2; fill: #ffffff; }
          @media (prefers-color-scheme: dark) {
            svg { background: #14181f; }
            text { fill: #c9d0da; }
            .title { fill: #f2f4f7; }
            .quiet { fill: #949dab; }
            .grid { stroke: #2a313c; }
            .axis { stroke: #5b6471; }
            .ring { fill: #14181f; }
          }
        CSS

        # @param x [String] what is counted from left to right
        # @param y [String] the unit from the bottom up
        # @param legend [String] what the lines' values are
        def initialize(title:, subtitle:, x:, y:, legend:, lines:, note: "")
          @title = title
          @subtitle = subtitle
          @x = x
          @y = y
          @legend = legend
          @note = note
          @lines = lines.reject { |line| line.points.empty? }
          @groups = @lines.map(&:group).uniq
          @x_scale = Scale.new(all(0).max, from: LEFT, to: WIDTH - RIGHT)
          @y_scale = Scale.new(all(1).max, from: HEIGHT - BOTTOM, to: TOP)
        end

        def to_svg
          <<~SVG
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 #{WIDTH} #{HEIGHT}" role="img" aria-labelledby="title words">
            <title id="title">#{escape(@title)}</title>
            <desc id="words">#{escape(words)}</desc>
            <style>
            #{STYLE.chomp}
            </style>
            #{[*heading, *grid, *@lines.map { |line| drawn(line) }, *labels].join("\n")}
            </svg>
          SVG
        end

        # From 0 to a round number, as pixels.
        class Scale
          TICKS = 6

          attr_reader :step

          def initialize(most, from:, to:)
            most = 1 unless most&.positive?
            @step = round_step(most.to_f / TICKS)
            @most = (most / @step).ceil * @step
            @from = from
            @to = to
          end

          def ticks = (0..(@most / @step).round).map { |i| (i * @step).round(10) }

          def at(value) = (@from + (@to - @from) * value.clamp(0, @most) / @most).round(1)

          # 1, 2, 2.5 or 5 and zeros
          def round_step(rough)
            power = 10.0**Math.log10(rough).floor
            power * [1, 2, 2.5, 5, 10].find { |times| times * power >= rough * 0.999 }
          end
        end

        private

        def all(index) = @lines.flat_map { |line| [*line.points, *line.marks].map { |point| point[index] } }

        def words
          "#{@legend}, in #{@y}: #{@lines.map { |line| "#{line.name} #{line.value.round(1)}" }.join("; ")}"
        end

        def heading
          [text(LEFT - 50, 34, @title, "title"), text(LEFT - 50, 56, @subtitle, "quiet"), text(LEFT - 50, HEIGHT - 14, @note, "quiet")]
        end

        def grid
          horizontal = @y_scale.ticks.flat_map { |tick|
            y = @y_scale.at(tick)
            [%(<path class="#{tick.zero? ? "axis" : "grid"}" d="M#{LEFT} #{y}H#{WIDTH - RIGHT}"/>), text(LEFT - 10, y + 4, number(tick), "quiet", "end")]
          }
          vertical = @x_scale.ticks.map { |tick| text(@x_scale.at(tick), HEIGHT - BOTTOM + 20, number(tick), "quiet", "middle") }
          [*horizontal, *vertical, text(LEFT - 10, TOP - 12, @y, "quiet", "end"), text((LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - BOTTOM + 42, @x, "quiet", "middle")]
        end

        def drawn(line)
          path = thin(line.points).map { |x, y| "#{@x_scale.at(x)} #{@y_scale.at(y)}" }.join("L")
          marks = line.marks.map { |x, y, kind| mark(line, @x_scale.at(x), @y_scale.at(y), kind) }
          [%(<path class="line" stroke="#{colour(line)}"#{stroke(line)} d="M#{path}"/>), *marks].join("\n")
        end

        def mark(line, x, y, kind)
          return %(<circle class="ring" cx="#{x}" cy="#{y}" r="4.5" stroke="#{colour(line)}"/>) if kind == :ring
          %(<circle cx="#{x}" cy="#{y}" r="4" fill="#{colour(line)}"/>)
        end

        def thin(points)
          return points if points.size <= MOST_POINTS
          Array.new(MOST_POINTS) { |i| points[i * (points.size - 1) / (MOST_POINTS - 1)] }
        end

        # Who is who, in the order of what they came to.
        def labels
          left = WIDTH - RIGHT + 24
          title = text(WIDTH - 20, TOP - 12, "#{@legend}, #{@y}", "quiet", "end")
          rows = @lines.sort_by { |line| -line.value }.each_with_index.map do |line, index|
            y = TOP + 8 + index * LABEL
            key = %(<path class="line" stroke="#{colour(line)}"#{stroke(line)} d="M#{left} #{y - 4}h26"/>)
            [key, text(left + 36, y, line.name), text(WIDTH - 20, y, format("%.1f", line.value), nil, "end")]
          end
          [title, *rows.flatten]
        end

        def colour(line) = COLOURS[@groups.index(line.group) % COLOURS.size]

        # The first line of a group is whole, the others are broken, each in its own way.
        def stroke(line)
          place = @lines.select { |other| other.group == line.group }.index(line)
          place.zero? ? "" : %( stroke-dasharray="#{STROKES[place % STROKES.size]}")
        end

        def number(value) = Formats::Units.count((value == value.to_i) ? value.to_i : value)

        def text(x, y, words, style = nil, anchor = nil)
          return "" if words.to_s.empty?
          %(<text x="#{x}" y="#{y.round(1)}"#{%( class="#{style}") if style}#{%( text-anchor="#{anchor}") if anchor}>#{escape(words)}</text>)
        end

        def escape(text) = Formats.line(text).gsub(/[&<>"]/, "&" => "&amp;", "<" => "&lt;", ">" => "&gt;", '"' => "&quot;")
      end
    end
  end
end
