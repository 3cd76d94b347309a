# frozen_string_literal: true

module AllocStats
  class Diagnosis
    module Checks
      # The running version of the allocator has a fault that is known, and the process meets the fault's condition.
      class KnownFault < Check
        needs :allocator
        explains :memory_kept

        # Nothing but a fault that keeps memory.
        def self.explained_by(finding) = finding.cost ? super : []

        def finding
          Allocators[allocator[:name]]&.known_faults(allocator[:version])&.each do |fault|
            evidence, cost = send(fault.condition, fault)
            return report(fault, evidence, cost) if evidence
          end
          nil
        end

        private

        def report(fault, evidence, cost)
          found("#{title} #{fault.fault}.", severity: fault.severity, cost: cost, remedy: fault.remedy,
            evidence: [evidence, "source: #{fault.source}", ("it is gone in #{fault.fixed}" if fault.fixed)])
        end

        # Each condition of Allocators::Fault: evidence where the process meets it, nil otherwise; and what it costs.
        def asked_for(fault)
          asked = fault.asked.map { |name| asked(name) }
          asked.map { |setting| "#{setting[:source]} sets #{setting[:name]} to #{setting[:asked]}" }.join(" and ") if asked.all? && !%w[0 false off no].include?(asked.first[:asked].downcase)
        end

        def keeps(_fault)
          return unless kept && target.limits.reached(:kept) { |limit| limit.reached?(kept[:bytes], kept[:rss]) }
          ["#{bytes(kept[:bytes])} are kept, #{percent(kept[:bytes], kept[:rss])} of the resident set: #{kept[:source]}", kept[:bytes]]
        end

        # The thread holds one of the allocator's locks at its first malloc, without Ruby's own lock, and in the child nobody
        # opens it.
        def forks_hastily(_fault)
          fork = hasty_forks&.first or return
          "the thread #{fork[:thread].inspect} of process #{fork[:parent]} began less than 20 ms before process #{fork[:child]} was forked from it"
        end

        def asked(name)
          (settings || []).find { |setting| setting[:name] == name && setting[:allocator] == allocator[:name] }
        end
      end
    end
  end
end
