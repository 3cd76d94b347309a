# frozen_string_literal: true

module AllocStats
  module Doctor
    # What the classes in findings/ share. Each looks for one thing, in the facts of a subject and nowhere else:
    #
    #   class Swap < Examination
    #     needs :memory
    #     def examine
    #       found("...", evidence: [...], remedy: "...") if SWAP.reached?(memory[:swap], ...)
    #     end
    #   end
    class Examination
      class << self
        # The facts (Subject::FACTS) without which nothing can be said.
        def needs(*facts)
          @needs = facts.each { |fact| Subject::FACTS.fetch(fact) }
        end

        # Findings that are only what follows of this one, and are not named beside it.
        def explains(*names)
          @explained = names
        end

        def explained = @explained || []

        # Those of them that follow of this finding.
        def explained_by(_finding) = explained

        # :memory_kept
        def finding_name
          @finding_name ||= Findings.name_of(name[/\w+\z/])
        end

        # Whether the facts are there.
        def supported?(subject)
          missing(subject).empty?
        end

        # Whether something that there is cannot be seen.
        def unseen?(subject)
          missing(subject).any? && missing(subject).none? { |fact, _| subject.void?(fact) }
        end

        # The facts that could not be had: name => sentence.
        def missing(subject)
          @needs.reject { |fact| subject.seen?(fact) }.to_h { |fact| [fact, subject.why_not(fact)] }
        end

        # @return [Finding, nil]
        def examine(subject)
          new(subject).examine
        end
      end

      def initialize(subject)
        @subject = subject
      end

      private

      attr_reader :subject

      Subject::FACTS.each_key { |fact| define_method(fact) { subject.public_send(fact) } }

      def found(summary, evidence:, remedy:, severity: :warning, cost: nil)
        Finding.new(name: self.class.finding_name, severity: severity, summary: summary, evidence: evidence.compact.freeze, cost: cost, remedy: remedy).freeze
      end

      def bytes(count) = Formats::Units.inline_bytes(count)

      def percent(part, whole) = Formats::Units.inline_percent(part, whole)

      def list(names) = Formats.listed(names)

      # "jemalloc 5.3.0"
      def title = allocator[:title]

      def running?(name) = allocator[:name] == name

      # Allocators that were asked for in any way, by name.
      def asked_for
        [expected&.fetch(:names), (preloads || []).select { |request| request[:allocator] }.map { |request| OtherProcess::Guess.named_by(request[:entry]) }].flatten.compact.uniq
      end

      # Allocators that were asked for by preload and are not there.
      def failed_preloads
        (preloads || []).select { |request| request[:allocator] && !request[:loaded] }
      end

      # The layers of the ledger by name; nil for what is not told.
      def layer(name) = ledger[:layers][name]

      # The allocator's own line in an entrypoint or a Procfile.
      def exec_line(name)
        "allocstats exec --allocator #{name || Launch::NAMES.first} -- COMMAND"
      end
    end
  end
end
