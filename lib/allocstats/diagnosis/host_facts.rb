# frozen_string_literal: true

module AllocStats
  class Diagnosis
    # What lies around malloc and decides how it does, as far as it is cheap to find out: what was to be preloaded and what
    # was asked for, threads, forks, arenas and what Ruby keeps, what the machine does with huge pages, promises and processors. AllocStats.doctor
    # judges it; the endpoint tells it, so that the doctor can judge from afar.
    #
    # Each is one of Target::FACTS, and nil where it cannot be seen or there is nothing of the kind: `reasons` says
    # which. Of the environment there is nothing in it but what is meant for an allocator.
    class HostFacts
      NAMES = %i[expected preloads peak threads hasty_forks background_threads arenas ruby_heap huge_pages overcommit processors].freeze

      # @param target [Target] whose they are
      # @return [HostFacts]
      def self.read(target = Target::Cheap.new)
        new(NAMES.to_h { |name| [name, target.public_send(name)] }, NAMES.to_h { |name| [name, target.why_not(name)] }.compact)
      end

      # name => sentence
      attr_reader :reasons

      NAMES.each { |name| define_method(name) { @facts.fetch(name) } }

      def initialize(facts, reasons)
        @facts = facts.freeze
        @reasons = reasons.freeze
        freeze
      end

      def to_h
        @facts.merge(reasons: reasons)
      end

      def inspect
        "#<AllocStats::Diagnosis::HostFacts #{@facts.compact.map { |name, fact| "#{name}=#{fact.inspect}" }.join(" ")}>"
      end
    end
  end
end
