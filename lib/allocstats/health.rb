# frozen_string_literal: true

module AllocStats
  # Whether the memory of this process, and of the workers beside it, is in order: for probes, load balancers and people.
  #
  #   health = AllocStats.health(expect: :jemalloc, rss: {fail: {ratio: 0.9}})
  #   health.status     # => :pass, :warn or :fail, the worst of its checks
  #   health.checks     # => [#<struct Finding check="memory:resident", status=:pass, ...>, ...]
  #   health.to_h       # => what is sent as application/health+json
  #
  # Each check is one file in health/; Limits has what each compares with. What was not measured is never held against the
  # process: such a check passes, with a nil for its value and the reason for its output.
  #
  # A process is live when it answers. Its memory says nothing about that: killing it for its memory is the kernel's
  # affair, and a probe that did so would take down what is merely busy.
  class Health
    autoload :AllocatorOwner, "allocstats/health/allocator_owner"
    autoload :Check, "allocstats/health/check"
    autoload :Facts, "allocstats/health/facts"
    autoload :Finding, "allocstats/health/check"
    autoload :Growth, "allocstats/health/growth"
    autoload :GroupUsage, "allocstats/health/group_usage"
    autoload :Kept, "allocstats/health/kept"
    autoload :Limits, "allocstats/health/limits"
    autoload :Pressure, "allocstats/health/pressure"
    autoload :Rates, "allocstats/health/rates"
    autoload :Resident, "allocstats/health/resident"
    autoload :Since, "allocstats/health/since"
    autoload :WorkersReporting, "allocstats/health/workers_reporting"

    # In the order in which they are shown; by the names that Limits knows them by.
    CHECKS = {
      allocator: :AllocatorOwner,
      rss: :Resident,
      cgroup: :GroupUsage,
      kept: :Kept,
      growth: :Growth,
      pressure: :Pressure,
      workers: :WorkersReporting
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
    # @return [Array<Finding>]
    attr_reader :checks
    # :pass, :warn or :fail
    attr_reader :status

    # @param limits [Limits]
    # @param facts [Facts] what was read; anything but this process's own is for tests
    def initialize(limits = Limits.new, facts = Facts.new)
      @time = Time.now
      @checks = limits.checks.map { |name| Health.const_get(CHECKS.fetch(name)).new(limits, facts).finding }.freeze
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
  end
end
