# frozen_string_literal: true

require "shellwords"

module AllocStats
  class Diagnosis
    # What the classes in checks/ share. Each looks for one thing, in the facts of a target and nowhere else:
    #
    #   class Swap < Check
    #     needs :memory
    #     def finding
    #       found("...", evidence: [...], remedy: "...") if SWAP.reached?(memory[:swap], ...)
    #     end
    #   end
    class Check
      # What a probe asks of a check as well: how application/health+json names it, and under which name Limits has its
      # levels.
      Probe = Struct.new(:limit, :name, :type, :unit, keyword_init: true)

      # level of Limits => severity of a finding
      SEVERITIES = {fail: :wrong, warn: :warning}.freeze

      class << self
        # The facts (Target::FACTS) without which nothing can be said.
        def needs(*facts)
          @needs = facts.each { |fact| Target::FACTS.fetch(fact) }
        end

        # Makes it one that probes ask for: see Probed.
        # @param windowed [Boolean] whether the level's seconds are the time that is looked at, and no patience is left
        def probed(limit, name, type:, unit:, windowed: false)
          include Probed

          @windowed = windowed
          @probe = Probe.new(limit: limit, name: name, type: type, unit: unit).freeze
        end

        # @return [Probe, nil]
        attr_reader :probe

        def windowed? = @windowed || false

        # @return [Array<Symbol>]
        def needed = @needs

        # Findings that are only what follows of this one, and are not named beside it.
        def explains(*names)
          @explained = names
        end

        def explained = @explained || []

        # Those of them that follow of this finding.
        def explained_by(_finding) = explained

        # :memory_kept
        def finding_name
          @finding_name ||= Checks.name_of(name[/\w+\z/])
        end

        # Whether the facts are there.
        def supported?(target)
          missing(target).empty?
        end

        # Whether something that there is cannot be seen.
        def unseen?(target)
          missing(target).any? && missing(target).none? { |fact, _| target.void?(fact) }
        end

        # The facts that could not be had: name => sentence.
        def missing(target)
          @needs.reject { |fact| target.seen?(fact) }.to_h { |fact| [fact, target.why_not(fact)] }
        end
      end

      def initialize(target)
        @target = target
      end

      # @return [Finding, nil]
      def finding = raise(NotImplementedError)

      private

      attr_reader :target

      Target::FACTS.each_key { |fact| define_method(fact) { target.public_send(fact) } }

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

      # What LD_PRELOAD named at the start, in its order.
      def preloaded
        (preloads || []).select { |request| request[:source] == :environment }
      end

      # The variable as it should be, whole.
      def preload_line(requests)
        entries = requests.map { |request| request[:entry] }.uniq
        entries.empty? ? "unset LD_PRELOAD" : "LD_PRELOAD=#{Shellwords.escape(entries.join(":"))}"
      end

      # The layers of the ledger by name; nil for what is not told.
      def layer(name) = ledger[:layers][name]

      # What the running allocator has for it besides, for the process alone; "" where it has nothing.
      def own_line(name)
        line = allocator && Allocators[allocator[:name]]&.lines&.fetch(name, nil)
        line ? "; for this process alone #{line}" : ""
      end

      # The allocator's own line in an entrypoint or a Procfile.
      def exec_line(name)
        "allocstats exec --allocator #{name || Launch::NAMES.first} -- COMMAND"
      end
    end
  end
end
