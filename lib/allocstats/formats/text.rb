# frozen_string_literal: true

module AllocStats
  module Formats
    # A report as the page that a person reads: the verdict in a sentence, then where the resident memory is, what the
    # allocator counts, what the process has and may have, and what could not be measured, with the reason.
    # At most 100 columns wide.
    class Text
      WIDTH = 100
      INDENT = "  "

      # Whether a stream shows colour: a terminal that is able to, of a person who has not asked for none (NO_COLOR).
      def self.colour?(stream)
        stream.tty? && ENV["TERM"] != "dumb" && ENV["NO_COLOR"].to_s.empty?
      end

      # Whether the locale has the glyphs; where it has not, Ruby would print them as escapes.
      def self.unicode? = Encoding.default_external == Encoding::UTF_8

      # report::  an AllocStats::Report
      # colour::  whether to mark it up for a terminal
      # unicode:: whether bars and dots may be other than ASCII
      def initialize(report, colour: false, unicode: Text.unicode?)
        @report = report
        @palette = colour ? Palette::COLOURS : Palette::PLAIN
        @unicode = unicode
      end

      def to_s
        [heading, ledger, figures, memory, evidence, unknown].reject(&:empty?).map { |lines| lines.join("\n") }.join("\n\n") << "\n"
      end

      private

      attr_reader :report

      def heading
        facts = report.process
        line = ["pid #{facts[:pid]}", facts[:command], "ruby #{facts[:ruby_version]} #{facts[:ruby_platform]}",
          report.time.getutc.strftime("%Y-%m-%d %H:%M:%S UTC"), "allocstats #{VERSION}"]
        [*verdict, *wrap(line.join(@unicode ? " · " : " - ")).map { |text| paint(:dim, text) }]
      end

      def verdict
        allocator = report.allocator
        return [paint(:alarm, "Who owns malloc is not known.")] unless allocator

        wrap(sentence(allocator.verdict_sentence)).map { |text| paint((allocator.verdict == :sole) ? :good : :alarm, text) }
      end

      def ledger
        return [] unless (ledger = report.ledger)

        layers = ledger.layers.map { |layer| row(layer.name, layer.bytes, ledger.rss) }
        [title("Where the resident memory is"), *layers, row("resident", ledger.rss, ledger.rss, style: :strong, bar: false)]
      end

      def figures
        return [] unless (sample = report.sample)

        present = AllocStats.figures.values.filter_map do |figure|
          value = sample[figure.name]
          cell(figure.name, (figure.unit == :bytes) ? Units.bytes(value) : count(value)) if value
        end
        [title("What #{report.allocator&.title || "the allocator"} and the kernel count"), *columns(present)]
      end
    end
  end
end
