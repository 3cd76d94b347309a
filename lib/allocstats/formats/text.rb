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
        sentence = report.allocator&.verdict_sentence || "Who owns malloc could not be found out."
        page.paragraph(sentence, style: (report.allocator&.verdict == :sole) ? :good : :alarm)
        page.paragraph(facts.join(page.dot), style: :quiet)
      end

      def facts
        process = report.process
        ["pid #{process[:pid]}", command, "ruby #{process[:ruby_version]} #{process[:ruby_platform]}",
          report.time.getutc.strftime("%Y-%m-%d %H:%M:%S UTC"), "allocstats #{VERSION}"]
      end

      # A program is named by its file, unless it has given itself a title.
      def command
        name = report.process[:command]
        name.start_with?("/") ? File.basename(name) : name
      end

      # Layers of which there is nothing are left out; one that cannot be told has its line, and its reason further down.
      def ledger
        rss = report.ledger.rss or return
        page.title("Where the resident memory is")
        report.ledger.layers.each do |layer|
          page.part(words(layer.name), layer.bytes, rss) unless layer.bytes&.zero?
        end
        page.total("resident", rss)
      end

      # Without the resident set where the process's own section has it: two readings of it are never quite the same.
      def figures
        page.title("What #{title} and the kernel count")
        cells = AllocStats.figures.values.filter_map do |figure|
          value = report.sample[figure.name]
          [words(figure.name), quantity(figure.unit, value)] if value && !(figure.name == :rss && report.memory&.rss)
        end
        page.cells(cells)
      end

      # The limit is what the kernel kills for, so the room below it is drawn, and not in a calm colour when it is small.
      def memory
        memory = report.memory
        page.title("What the process has, and may have")
        page.cells({"resident (RSS)" => memory.rss, "in proportion (PSS)" => memory.pss, "its own alone (USS)" => memory.uss,
                    "swapped out" => memory.swap}.compact.transform_values { |bytes| Units.bytes(bytes) })
        limit(memory) if memory.limit&.bytes
      end

      def limit(memory)
        page.line("limit", Units.bytes(memory.limit.bytes), memory.limit.source)
        name, used = memory.cgroup&.usage ? ["used by its group", memory.cgroup.usage] : ["used by the process", memory.rss]
        page.gauge(name, used, memory.limit.bytes, style: (used >= NEAR * memory.limit.bytes) ? :alarm : :bar) if used
      end

      def evidence
        page.title("How the verdict is known")
        report.allocator.evidence.each { |sentence| page.item(sentence) }
      end

      def unknown
        reasons = unmeasured_figures + unread_parts
        return if reasons.empty?

        page.title("What is not known, and why")
        reasons.each { |reason| page.item(reason) }
      end

      def unmeasured_figures
        return [] unless report.sample

        names = AllocStats.figures.keys.select { |name| report.sample[name].nil? }
        names.empty? ? [] : ["#{title} does not measure, or not cheaply: #{names.map { |name| words(name) }.join(", ")}"]
      end

      # Only of what this page would show: that a group has no such figure, or a mapping no name, is no lack of it here.
      def unread_parts
        memory = report.memory&.reasons.to_h.slice(:rss, :pss, :uss, :swap, :limit)
        group = report.memory&.cgroup&.reasons.to_h.slice(:version, :usage).transform_keys { |name| "control group's #{name}" }
        reasons = [report.ledger&.reasons.to_h, memory, group, report.absent].reduce(:merge)
        reasons.group_by(&:last).map { |reason, names| "#{names.map { |name, _| words(name) }.join(", ")}: #{reason}" }
      end

      def title = report.allocator&.title || "the allocator"

      def words(name) = Formats.words(name)

      def quantity(unit, value)
        (unit == :bytes) ? Units.bytes(value) : Units.count(value).rjust(7)
      end
    end
  end
end
