# frozen_string_literal: true

module AllocStats
  # What is wrong with a process's memory, what it costs and what mends it: one snapshot of facts, judged once.
  # AllocStats.doctor shows it to people, AllocStats.health reads the same for probes, and the command `allocstats doctor`,
  # the endpoint and the page are ways to it.
  #
  # - `target` (String) whom it looked at
  # - `verdict` (Symbol) :healthy, :warnings or :wrong, by the weightiest finding
  # - `findings` (Array<Finding>) what is wrong first, then by what it costs
  # - `growth` (Symbol or nil) how the resident set grows: of Growth::VERDICTS; nil where nothing can be said of it
  # - `checked` (Array<Symbol>) names of the findings that were looked for
  # - `unseen` (Hash) those that could not be looked for, and why: name => sentence
  #
  # Facts come from a Target, each check is one class in diagnosis/checks, and Checks::LIST names them all; the figures
  # from which on something counts are in Thresholds, in one place.
  class Diagnosis
    autoload :Attribution, "allocstats/diagnosis/attribution"
    autoload :Check, "allocstats/diagnosis/check"
    autoload :Checks, "allocstats/diagnosis/checks"
    autoload :Expectation, "allocstats/diagnosis/expectation"
    autoload :Finding, "allocstats/diagnosis/finding"
    autoload :Forks, "allocstats/diagnosis/forks"
    autoload :Growth, "allocstats/diagnosis/growth"
    autoload :Grows, "allocstats/diagnosis/grows"
    autoload :HostFacts, "allocstats/diagnosis/host_facts"
    autoload :Limits, "allocstats/diagnosis/limits"
    autoload :Probed, "allocstats/diagnosis/probed"
    autoload :Processors, "allocstats/diagnosis/processors"
    autoload :Rates, "allocstats/diagnosis/rates"
    autoload :Target, "allocstats/diagnosis/target"
    autoload :Text, "allocstats/diagnosis/text"
    autoload :Thresholds, "allocstats/diagnosis/thresholds"
    autoload :Told, "allocstats/diagnosis/told"

    # verdict => exit status of the command
    VERDICTS = {healthy: 0, warnings: 1, wrong: 2}.freeze

    class << self
      # Of this process, or of another one of this machine.
      # @param expect [Symbol, String, nil] the allocator that should run
      # @param wait [Numeric, nil] seconds between two readings
      # @param purge [Boolean] purge before and after them
      # @return [Diagnosis]
      # @raise [InvalidValue, UnknownName]
      def take(pid: nil, expect: nil, wait: nil, purge: false)
        options = {limits: Limits.new(expect: expect), wait: seconds(wait), purge: purge}
        return of(Target::ThisProcess.new(**options)) unless pid && pid != Process.pid
        raise InvalidValue, "only a process itself can purge: purge: is for this process, not for #{pid.inspect[0, 80]}" if purge
        of(Target::Outside.new(pid, **options))
      end

      # @param target [Target]
      # @param checks [Array<Class>]
      # @return [Diagnosis]
      def of(target, checks: Checks.all)
        unseen, seen = checks.partition { |check| check.unseen?(target) }
        unseen = unseen.to_h { |check| [check.finding_name, check.missing(target).values.compact.first] }
        made = seen.select { |check| check.supported?(target) }.map { |check| check.new(target) }
        found = made.to_h { |check| [check, examine(check, unseen)] }.compact
        explained = found.flat_map { |check, finding| check.class.explained_by(finding) }
        new(
          target: target.title, allocator: target.allocator&.fetch(:title), growth: target.growth_verdict,
          findings: found.values.reject { |finding| explained.include?(finding.name) },
          checked: seen.map(&:finding_name) - unseen.keys, unseen: unseen, probed: made.select { |check| check.class.probe && !unseen.key?(check.class.finding_name) }
        )
      end

      # @raise [InvalidValue]
      def seconds(wait)
        return if wait.nil?
        raise InvalidValue, "wait takes seconds from above 0 to 86400, not #{wait.inspect[0, 80]}" unless wait.is_a?(Numeric) && wait.real? && wait.positive? && wait <= 86_400
        wait
      end

      private

      # A check that fails costs its own finding, and no other.
      def examine(check, unseen)
        check.finding
      rescue StandardError, ScriptError => error
        unseen[check.class.finding_name] = "the check itself failed: #{Formats.line(error.message)} (#{error.class})"
        nil
      end
    end

    attr_reader :target, :verdict, :findings, :growth, :checked, :unseen
    # The checks that probes ask for, as they were made.
    # @return [Array<Check>]
    attr_reader :probed

    def initialize(target:, allocator:, findings:, checked:, unseen:, growth: nil, probed: [])
      @target = target
      @allocator = allocator
      @findings = findings.sort_by.with_index { |finding, index| [(finding.severity == :wrong) ? 0 : 1, -finding.cost.to_i, index] }.freeze
      @growth = growth
      @checked = checked.freeze
      @unseen = unseen.freeze
      @probed = probed.freeze
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
      raise UnknownName.among("finding", name, Checks.names) unless Checks.names.include?(name)
      findings.find { |finding| finding.name == name }
    end

    # One line.
    def summary
      whom = [target.sub(/\A./, &:upcase), ("under #{@allocator}" if @allocator)].compact.join(", ")
      return "#{whom}#{"," if @allocator} is healthy: #{checked.size} checks, nothing found#{"; not looked at: #{Checks.titles(unseen.keys).join(", ")}" if unseen.any?}." if healthy?
      "#{whom}: #{(findings.size == 1) ? "1 finding" : "#{findings.size} findings"}."
    end

    def to_h
      {target: target, allocator: @allocator, verdict: verdict, growth: growth, summary: summary, findings: findings.map(&:to_h), checked: checked, unseen: unseen}
    end

    # The text a person reads, without colour.
    def to_s = Text.new(self).to_s

    # The same for who is elsewhere, whatever this process's own locale is.
    def text = Text.new(self, unicode: true).to_s

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
