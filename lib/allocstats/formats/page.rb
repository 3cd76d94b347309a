# frozen_string_literal: true

module AllocStats
  module Formats
    # Lines of text for a terminal, at most WIDTH columns wide: what Text composes its page of. Each method adds to the
    # page; none of them knows what the page is about.
    class Page
      WIDTH = 100
      LABEL = 26
      BAR = 50
      COLUMNS = 2

      STYLES = {strong: "1", quiet: "2", good: "32", alarm: "1;33", bar: "36"}.freeze

      # colour::  whether to mark styles for a terminal
      # unicode:: whether signs other than ASCII may be used
      def initialize(colour:, unicode:)
        @colour = colour
        @unicode = unicode
        @bar = Bar.new(width: BAR, unicode: unicode)
        @lines = []
      end

      def to_s = @lines.join("\n") << "\n"

      # Between the parts of a line.
      def dot = @unicode ? " · " : " - "

      # Begins a section.
      def title(text)
        @lines << "" unless @lines.empty?
        paragraph(text, style: :strong)
      end

      # Text broken at spaces; `first` and `rest` stand before its first and its other lines.
      def paragraph(text, style: nil, first: "", rest: "")
        wrap(clean(text), WIDTH - first.length).each_with_index do |line, index|
          @lines << paint(style, (index.zero? ? first : rest) + line)
        end
      end

      def item(text, style: nil)
        paragraph(text, style: style, first: @unicode ? "  • " : "  * ", rest: "    ")
      end

      # One part of a whole: a name, bytes (nil where they are not known), the share and a bar of it.
      def part(name, bytes, whole)
        return line(name, "not known".rjust(11), "") unless bytes

        bar = whole.zero? ? "" : @bar.draw(bytes.fdiv(whole))
        @lines << "#{label(name)}#{Units.bytes(bytes)}  #{Units.percent(bytes, whole)}  #{paint(:bar, bar)}".rstrip
      end

      # The same of something that fills up.
      def gauge(name, bytes, whole, style: :bar)
        bar = whole.zero? ? "" : @bar.gauge(bytes.fdiv(whole))
        @lines << "#{label(name)}#{Units.bytes(bytes)}  #{Units.percent(bytes, whole)}  #{paint(style, bar)}".rstrip
      end

      # What the parts sum to.
      def total(name, bytes)
        @lines << paint(:strong, "#{label(name)}#{Units.bytes(bytes)}")
      end

      # A name, its value and a remark.
      def line(name, value, remark)
        @lines << "#{label(name)}#{value}  #{paint(:quiet, clean(remark))}".rstrip
      end

      # Names with what is known of each, in as many columns as the page has.
      def cells(pairs)
        return if pairs.empty?

        columns = pairs.each_slice((pairs.size + COLUMNS - 1) / COLUMNS).to_a
        columns.first.each_index do |index|
          @lines << columns.filter_map { |column| column[index]&.then { |name, value| label(name) + value.ljust(20) } }.join.rstrip
        end
      end

      private

      def label(name) = "  #{clean(name).ljust(LABEL)}"

      def paint(style, text)
        (@colour && style && !text.empty?) ? "\e[#{STYLES.fetch(style)}m#{text}\e[0m" : text
      end

      def clean(text)
        text = Formats.line(text)
        @unicode ? text : text.encode(Encoding::US_ASCII, undef: :replace).encode(Encoding::UTF_8)
      end

      # A word that is longer than a line, as a path may be, is broken where the line ends.
      def wrap(text, width)
        text.split(" ").flat_map { |word| word.scan(/.{1,#{width}}/) }.each_with_object([+""]) do |word, lines|
          lines << +"" if lines.last.length + word.length + 1 > width && !lines.last.empty?
          lines.last << " " unless lines.last.empty?
          lines.last << word
        end
      end
    end
  end
end
