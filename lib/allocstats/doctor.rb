# frozen_string_literal: true

module AllocStats
  # Says what is wrong with a process's memory, what it costs and what mends it. AllocStats.doctor and the command
  # `allocstats doctor` are the ways in.
  #
  # Facts come from a Subject, each finding is one class in doctor/findings, and Findings::LIST names them all; the
  # figures from which on something counts are in Thresholds, in one place.
  module Doctor
    autoload :Attribution, "allocstats/doctor/attribution"
    autoload :Diagnosis, "allocstats/doctor/diagnosis"
    autoload :Examination, "allocstats/doctor/examination"
    autoload :Expectation, "allocstats/doctor/expectation"
    autoload :Finding, "allocstats/doctor/finding"
    autoload :Findings, "allocstats/doctor/findings"
    autoload :Forks, "allocstats/doctor/forks"
    autoload :Growth, "allocstats/doctor/growth"
    autoload :Processors, "allocstats/doctor/processors"
    autoload :Subject, "allocstats/doctor/subject"
    autoload :Text, "allocstats/doctor/text"
    autoload :Thresholds, "allocstats/doctor/thresholds"

    module_function

    # @param expect [Symbol, String, nil] the allocator that should run
    # @param wait [Numeric, nil] seconds between two readings
    # @param purge [Boolean] purge between them
    # @return [Diagnosis]
    # @raise [InvalidValue, UnknownName]
    def diagnose(pid: nil, expect: nil, wait: nil, purge: false)
      options = {expect: Allocator.named(expect), wait: seconds(wait), purge: purge}
      return examine(Subject::ThisProcess.new(**options)) unless pid && pid != Process.pid
      raise InvalidValue, "only a process itself can purge: purge: is for this process, not for #{pid.inspect[0, 80]}" if purge
      examine(Subject::Outside.new(pid, **options))
    end

    # @param subject [Subject]
    # @return [Diagnosis]
    def examine(subject)
      others, checked = Findings.all.partition { |finding| finding.unseen?(subject) }
      found = checked.select { |finding| finding.supported?(subject) }.to_h { |finding| [finding, finding.examine(subject)] }.compact
      explained = found.flat_map { |examination, finding| examination.explained_by(finding) }
      Diagnosis.new(
        subject: subject.title, allocator: subject.allocator&.fetch(:title),
        findings: found.values.reject { |finding| explained.include?(finding.name) },
        checked: checked.map(&:finding_name),
        unseen: others.to_h { |finding| [finding.finding_name, finding.missing(subject).values.compact.first] }
      )
    end

    def seconds(wait)
      return if wait.nil?
      raise InvalidValue, "wait takes seconds from above 0 to 86400, not #{wait.inspect[0, 80]}" unless wait.is_a?(Numeric) && wait.real? && wait.positive? && wait <= 86_400
      wait
    end
  end
end
