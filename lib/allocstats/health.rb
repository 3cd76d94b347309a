# frozen_string_literal: true

module AllocStats
  # Whether the memory of this process, and of the workers beside it, is in order: for probes, load balancers and people.
  #
  #   health = AllocStats.health(expect: :jemalloc, rss: {fail: {ratio: 0.9}})
  #   health.status     # => :pass, :warn or :fail, the worst of its checks
  #   health.checks     # => [#<struct Row name="memory:resident", status=:pass, ...>, ...]
  #   health.to_h       # => what is sent as application/health+json
  #
  # It is a Diagnosis of those checks that cost next to nothing, read for programs: what AllocStats.doctor of the same facts
  # finds to be wrong fails here, and what it warns of is a warning, once it has lasted for the time that Limits asks for.
  # What was not measured is never held against the process: such a check passes, with a nil for its value and the reason
  # for its output.
  #
  # A process is live when it answers. Its memory says nothing about that: killing it for its memory is the kernel's
  # affair, and a probe that did so would take down what is merely busy.
  class Health
    autoload :Owner, "allocstats/health/owner"
    autoload :Row, "allocstats/health/row"
    autoload :Since, "allocstats/health/since"

    # In the order in which they are shown, by the names that Limits knows them by; the allocator is the Owner's.
    CHECKS = {
      allocator: nil,
      rss: :ResidentNearLimit,
      cgroup: :LimitNear,
      kept: :MemoryKept,
      growth: :Growing,
      pressure: :MemoryPressure,
      workers: :WorkersSilent
    }.freeze

    # From good to bad.
    STATUSES = [:pass, :warn, :fail].freeze

    # How HTTP says it: who warns still serves.
    CODES = {pass: 200, warn: 200, fail: 503}.freeze

    TYPE = "application/health+json"

    # Of this form of the document, not of the gem.
    VERSION = "1"

    # The one answer to whether a process is live: given, it is.
    LIVE = {status: :pass}.freeze

    # When it was looked at, as a Time.
    attr_reader :time
    # @return [Array<Row>]
    attr_reader :checks
    # :pass, :warn or :fail
    attr_reader :status
    # What it is read from.
    # @return [Diagnosis]
    attr_reader :diagnosis

    # @param limits [Diagnosis::Limits]
    # @param target [Diagnosis::Target] whom it looks at; anything but this server is for tests
    def initialize(limits = Diagnosis::Limits.default, target = Diagnosis::Target::Server.new(limits: limits))
      @time = Time.now
      names = limits.checks
      kinds = names.filter_map { |name| CHECKS.fetch(name)&.then { |constant| Diagnosis::Checks.const_get(constant) } }
      @diagnosis = Diagnosis.of(target, checks: kinds + (names.include?(:allocator) ? Owner.checks : []))
      @checks = names.map { |name| row(name, limits, target) }.freeze
      @status = STATUSES.fetch(@checks.map { |check| STATUSES.index(check.status) }.max || 0)
      freeze
    end

    # Whether to send it work: its status.
    alias_method :ready, :status

    # Always :pass, since it is this process that answers.
    def live = LIVE.fetch(:status)

    # The status of an HTTP answer.
    def code = CODES.fetch(status)

    # What strangers may know.
    def bare = {status: status}

    # The members of application/health+json: "checks" has a list for each name, as that form has it.
    def to_h
      at = Formats::Json.time(time)
      {
        status: status, version: VERSION, releaseId: AllocStats::VERSION, serviceId: Process.pid.to_s,
        description: "memory and allocator of #{$PROGRAM_NAME}",
        checks: checks.to_h { |check| [check.name, [{**check.to_h, time: at}]] }
      }
    end

    def inspect
      "#<AllocStats::Health #{status}#{checks.reject { |check| check.status == :pass }.map { |check| "; #{check.output}" }.join}>"
    end

    private

    def row(name, limits, target)
      return Owner.row(limits, target) if name == :allocator
      kind = Diagnosis::Checks.const_get(CHECKS.fetch(name))
      check = diagnosis.probed.find { |made| made.instance_of?(kind) }
      check ? Row.of(check, limits) : Row.unknown(kind.probe, diagnosis.unseen[kind.finding_name] || target.why_not(kind.needed.first))
    end
  end
end
