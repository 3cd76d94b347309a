# frozen_string_literal: true

module AllocStats
  module Doctor
    # What the doctor found.
    #
    # - `subject` (String) whom it looked at
    # - `verdict` (Symbol) :healthy, :warnings or :wrong, by the weightiest finding
    # - `findings` (Array<Finding>) what is wrong first, then by what it costs
    # - `checked` (Array<Symbol>) names of the findings that were looked for
    # - `unseen` (Hash) those that could not be looked for, and why: name => sentence
    class Diagnosis
      # verdict => exit status of the command
      VERDICTS = {healthy: 0, warnings: 1, wrong: 2}.freeze

      attr_reader :subject, :verdict, :findings, :checked, :unseen

      def initialize(subject:, allocator:, findings:, checked:, unseen:)
        @subject = subject
        @allocator = allocator
        @findings = findings.sort_by.with_index { |finding, index| [(finding.severity == :wrong) ? 0 : 1, -finding.cost.to_i, index] }.freeze
        @checked = checked.freeze
        @unseen = unseen.freeze
        @verdict = find_verdict
        freeze
      end

      def healthy? = verdict == :healthy

      # 0, 1 or 2
      def status = VERDICTS.fetch(verdict)

      # The findings of this name, for tests and conditions: diagnosis[:memory_kept]&.cost
      # @return [Finding, nil]
      # @raise [UnknownName]
      def [](name)
        raise UnknownName.among("finding", name, Findings.names) unless Findings.names.include?(name)
        findings.find { |finding| finding.name == name }
      end

      # One line.
      def summary
        whom = [subject.sub(/\A./, &:upcase), ("under #{@allocator}" if @allocator)].compact.join(", ")
        return "#{whom}#{"," if @allocator} is healthy: #{checked.size} checks, nothing found#{"; not looked at: #{unseen.keys.join(", ").tr("_", " ")}" if unseen.any?}." if healthy?
        "#{whom}: #{(findings.size == 1) ? "1 finding" : "#{findings.size} findings"}."
      end

      def to_h
        {subject: subject, verdict: verdict, summary: summary, findings: findings.map(&:to_h), checked: checked, unseen: unseen}
      end

      # The text a person reads, without colour.
      def to_s = Text.new(self).to_s

      # The same as this process's own terminal shows it best.
      def inspect = Text.new(self, colour: Formats::Text.colour?($stdout)).to_s.chomp

      # Consoles print by way of PP, and their own PP paints text as if it were Ruby code: it is passed by.
      def pretty_print(printer)
        PrettyPrint.instance_method(:text).bind_call(printer, inspect)
      end

      private

      def find_verdict
        return :healthy if findings.empty?
        (findings.any? { |finding| finding.severity == :wrong }) ? :wrong : :warnings
      end
    end
  end
end
