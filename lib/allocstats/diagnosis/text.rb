# frozen_string_literal: true

module AllocStats
  class Diagnosis
    # A diagnosis as text: a healthy process gets one calm sentence.
    class Text
      STYLES = {healthy: :good, warnings: :strong, wrong: :alarm}.freeze

      def initialize(diagnosis, colour: false, unicode: Formats::Text.unicode?)
        @diagnosis = diagnosis
        @page = Formats::Page.new(colour: colour, unicode: unicode)
      end

      def to_s
        page.paragraph(diagnosis.summary, style: STYLES.fetch(diagnosis.verdict))
        diagnosis.findings.each { |finding| show(finding) }
        unseen
        page.to_s
      end

      private

      attr_reader :diagnosis, :page

      def show(finding)
        page.title("#{finding.severity}: #{finding.summary}#{cost(finding)}")
        finding.evidence.each { |sentence| page.item(sentence) }
        page.paragraph(finding.remedy, first: "  mend: ", rest: "        ")
      end

      # Where the sentence does not say it already.
      def cost(finding)
        bytes = finding.cost && Formats::Units.inline_bytes(finding.cost)
        " It costs #{bytes}." if bytes && !finding.summary.include?(bytes)
      end

      # By reason, since several often have the same.
      def unseen
        by_reason = diagnosis.unseen.group_by(&:last)
        return if by_reason.empty? || diagnosis.healthy?
        page.title("Not looked at")
        by_reason.each { |reason, pairs| page.item("#{Checks.titles(pairs.map(&:first)).join(", ")}: #{reason}", style: :quiet) }
      end
    end
  end
end
