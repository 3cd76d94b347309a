# frozen_string_literal: true

module AllocStats
  module Doctor
    module Findings
      # The running version of the allocator has a fault that is known, and the process meets the fault's condition.
      class KnownFault < Examination
        needs :allocator
        explains :memory_kept

        # - `versions` of the allocator, as requirements of RubyGems
        # - `fault` what happens, and `fixed` where it does no more
        # - `source` who says so
        # - `severity`
        # - `condition` method that answers evidence where the process meets it, nil otherwise; what it costs is
        #   the method's second answer
        Fault = Struct.new(:allocator, :versions, :fault, :fixed, :source, :severity, :condition, :remedy, keyword_init: true)

        TABLE = [
          Fault.new(allocator: :mimalloc, versions: ["= 3.6.0"], severity: :wrong, condition: :commits_on_demand,
            fault: "crashes with page_commit_on_demand and a small arena_max_object_size", fixed: nil,
            source: "found by the fuzzing of allocstats", remedy: "unset MIMALLOC_PAGE_COMMIT_ON_DEMAND"),
          Fault.new(allocator: :jemalloc, versions: [">= 5.1.0", "< 5.2.0"], severity: :wrong, condition: :limits_background_threads,
            fault: "crashes with max_background_threads", fixed: "5.2.0",
            source: "https://github.com/jemalloc/jemalloc/issues/1379", remedy: "unset max_background_threads in MALLOC_CONF, or jemalloc 5.2.0 or later"),
          Fault.new(allocator: :mimalloc, versions: [">= 2.0.0", "< 2.1.0"], severity: :warning, condition: :keeps,
            fault: "gives nothing back for threads that sleep: mi_collect acts on the calling thread's heap alone", fixed: "2.1.0",
            source: "measured by bench/purge of allocstats", remedy: "AllocStats.purge   # reaches sleeping threads; or a newer mimalloc: allocstats exec --allocator mimalloc -- COMMAND"),
          Fault.new(allocator: :mimalloc, versions: [">= 2.1.0", "< 2.2.4"], severity: :warning, condition: :keeps,
            fault: "does not always give memory back to the system", fixed: "2.2.4",
            source: "mimalloc's list of releases, 2025-06-09", remedy: "mimalloc 2.2.4 or later"),
          Fault.new(allocator: :mimalloc, versions: [">= 3.0.0", "< 3.1.4"], severity: :warning, condition: :keeps,
            fault: "does not always give memory back to the system", fixed: "3.1.4",
            source: "mimalloc's list of releases, 2025-06-09", remedy: "mimalloc 3.1.4 or later"),
          Fault.new(allocator: :mimalloc, versions: [">= 3.3.0", "<= 3.6.0"], severity: :warning, condition: :forks_hastily,
            fault: "has no hook at forks: a child that is forked while a thread is just beginning may hang when it begins one of its own", fixed: nil,
            source: "measured by allocstats (docs/tuning.md, mimalloc 3 and fork)",
            remedy: "allocstats exec --allocator jemalloc -- COMMAND   # or mimalloc before 3.3; or begin such threads after the fork, in the children")
        ].each(&:freeze).freeze

        # Nothing but a fault that keeps memory.
        def self.explained_by(finding) = finding.cost ? super : []

        def examine
          version = Gem::Version.new(allocator[:version]) if Gem::Version.correct?(allocator[:version].to_s) && allocator[:version]
          candidates = TABLE.select { |fault| version && running?(fault.allocator) && Gem::Requirement.new(*fault.versions).satisfied_by?(version) }
          candidates.each do |fault|
            evidence, cost = send(fault.condition)
            return report(fault, evidence, cost) if evidence
          end
          nil
        end

        private

        def report(fault, evidence, cost)
          found("#{title} #{fault.fault}.", severity: fault.severity, cost: cost, remedy: fault.remedy,
            evidence: [evidence, "source: #{fault.source}", ("it is gone in #{fault.fixed}" if fault.fixed)])
        end

        def commits_on_demand
          on_demand, largest = asked("page_commit_on_demand"), asked("arena_max_object_size")
          "#{on_demand[:source]}=#{on_demand[:asked]} and #{largest[:source]}=#{largest[:asked]} are set" if on_demand && largest && !%w[0 false off no].include?(on_demand[:asked].downcase)
        end

        def limits_background_threads
          asked("max_background_threads")&.then { |setting| "#{setting[:source]} says max_background_threads:#{setting[:asked]}" }
        end

        def keeps
          return unless kept && Thresholds::KEPT.reached?(kept[:bytes], kept[:rss])
          ["#{bytes(kept[:bytes])} are kept, #{percent(kept[:bytes], kept[:rss])} of the resident set: #{kept[:source]}", kept[:bytes]]
        end

        # The thread holds one of mimalloc's locks at its first malloc, without Ruby's own lock, and in the child nobody opens it.
        def forks_hastily
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
