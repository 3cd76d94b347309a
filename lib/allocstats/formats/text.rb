# frozen_string_literal: true

module AllocStats
  module Formats
    # A report as the page that a person reads: the verdict in a sentence, then where the resident memory is, what the
    # allocator counts, what the process has and may have, how the verdict is known, and what is not known and why.
    class Text
      # Shares of a limit from which on the gauge is no longer drawn calm.
      NEAR = 0.9

      # Whether a stream shows colour: a terminal that is able to, of a person who has not asked for none (NO_COLOR).
      def self.colour?(stream)
        stream.tty? && ENV["TERM"] != "dumb" && ENV["NO_COLOR"].to_s.empty?
      end

      # Whether the locale has the signs; where it has not, Ruby would show them as escapes.
      def self.unicode? = Encoding.default_external == Encoding::UTF_8

      # report::  an AllocStats::Report
      # colour::  whether to mark it up for a terminal
      # unicode:: whether bars and dots may be other than ASCII
      def initialize(report, colour: false, unicode: Text.unicode?)
        @report = report
        @page = Page.new(colour: colour, unicode: unicode)
      end

      def to_s
        @text ||= begin
          heading
          ledger if report.ledger
          figures if report.sample
          memory if report.memory
          evidence if report.allocator
          unknown
          page.to_s
        end
      end

      private

      attr_reader :report, :page

      def heading
        sentence = report.allocator ? report.allocator.verdict_sentence : "Who owns malloc could not be found out."
        page.paragraph(sentence.sub(/\A[[:lower:]]/) { |letter| letter }, style: (report.allocator&.verdict == :sole) ? :good : :alarm)
        page.paragraph(facts.join(page.dot), style: :quiet)
      end

      def facts
        process = report.process
        ["pid #{process[:pid]}", process[:command], "ruby #{process[:ruby_version]} #{process[:ruby_platform]}",
          report.time.getutc.strftime("%Y-%m-%d %H:%M:%S UTC"), "allocstats #{VERSION}"]
      end

      def ledger
        page.title("Where the resident memory is")
        report.ledger.layers.each { |layer| page.part(words(layer.name), layer.bytes, report.ledger.rss) }
        page.part("resident", report.ledger.rss, report.ledger.rss, style: :strong, bar: false)
      end

      def figures
        page.title("What is counted")
        page.cells(AllocStats.figures.values.filter_map { |figure|
          value = report.sample[figure.name]
          [words(figure.name), quantity(figure.unit, value)] if value
        })
      end

      def words(name) = name.to_s.tr("_", " ")

      def quantity(unit, value)
        (unit == :bytes) ? Units.bytes(value) : Units.count(value).rjust(7)
      end
    end
  end
end
