# frozen_string_literal: true

module AllocStats
  class Diagnosis
    # A diagnosis as another process has told it, at /doctor.json: made anew from that JSON, of which nothing is believed but
    # its form.
    module Told
      # The most findings, and the most characters of one text, that anybody is shown.
      MOST = 100
      LONGEST = 4_000

      module_function

      # @param told [Hash] Diagnosis#to_h, with symbols as keys
      # @param address [String] where it was had, for people
      # @return [Diagnosis]
      # @raise [Unsupported] for anything that is no diagnosis of this version
      def read(told, address)
        Diagnosis.new(
          target: "#{text(told[:target]).sub(/\Athis process/, "the process")} at #{address}", allocator: told[:allocator] && text(told[:allocator]),
          growth: growth(told[:growth]), findings: list(told[:findings]).map { |finding| finding(finding) },
          checked: list(told[:checked]).map { |each| word(each) }, unseen: unseen(told[:unseen])
        )
      rescue TypeError
        raise Unsupported, "#{address} answers something that is no diagnosis of this version of allocstats"
      end

      def finding(told)
        kind(told, Hash)
        severity = word(told[:severity])
        cost = told[:cost]
        refuse if !Check::SEVERITIES.value?(severity) || !(cost.nil? || cost?(cost))
        Finding.new(name: word(told[:name]), severity: severity, summary: text(told[:summary]), evidence: list(told[:evidence]).map { |line| text(line) }.freeze,
          cost: cost, remedy: text(told[:remedy])).freeze
      end

      def cost?(told) = told.is_a?(Integer) && told.between?(0, 1 << 60)

      def growth(told)
        return if told.nil?
        verdict = word(told)
        Growth::VERDICTS.include?(verdict) ? verdict : refuse
      end

      def unseen(told)
        kind(told, Hash).first(MOST).to_h { |key, reason| [word(key), text(reason)] }
      end

      def list(told) = kind(told, Array).first(MOST)

      def word(told)
        text = told.is_a?(Symbol) ? told.name : kind(told, String)
        text.match?(/\A[a-z_]{1,60}\z/) ? text.to_sym : refuse
      end

      def text(told) = Formats.line(kind(told, String)[0, LONGEST])

      def kind(told, type) = told.is_a?(type) ? told : refuse

      def refuse = raise(TypeError)

      private_class_method :finding, :cost?, :growth, :unseen, :list, :word, :text, :kind, :refuse
    end
  end
end
