# frozen_string_literal: true

module AllocStats
  # What one process of a server says of itself: of AllocStats.workers.
  #
  # - `index` (Integer) as the server counts its workers (Puma, Unicorn and Pitchfork from 0 on), else the number of its
  #   slot in the shared memory
  # - `pid` (Integer), `title` (String or nil) "worker" and the like, as the server titles its processes (Agent::ProcessTitle)
  # - `self?` whether it is the process that asks; then the figures are of this moment, not of its last report
  # - `alive?` whether that very process still runs
  # - `stopped?` whether it is held by a signal (SIGSTOP) or a debugger, and so answers nobody
  # - `reported_at` (Time or nil), `age` (seconds since then, or nil), `interval` (seconds between two reports)
  # - `slow_age` (seconds, or nil) since :pss, :uss and :swap were read
  # - `allocator`, `version`, `verdict` (String or nil) as in Allocator
  # - `figures` (Hash) those of a Sample by name, and :live, :kept, :pss, :uss, :swap, which are read once a minute:
  #   Integer or nil
  # - `counters` (Hash) {purges:, purged_bytes:, samples:} since that process began to report
  #
  # Of a process that was killed inside of writing only index and pid are known.
  class Worker
    # A worker that has not reported for so many of its intervals is stale.
    STALE_AFTER = 3

    attr_reader :index, :pid, :title, :reported_at, :interval, :allocator, :version, :verdict, :figures, :counters

    # Of this process, read now: without an agent there is nobody else to tell of.
    # @param slow [Boolean, ProcessMemory] whether what the agent has not read yet is read now, or where it was read
    # @param sample [Sample, nil] of this moment; nil: this takes its own
    def self.here(row = nil, slow: true, sample: nil)
      row ||= {slot: nil, identity: nil, pid: Process.pid, alive: true, samples: 0}.merge(purged, reported_at: Time.now.to_f)
      row = row.merge(identification) unless row[:allocator]
      taken = sample || Sample.new
      figures = row[:figures]&.slice(:pss, :uss, :swap) || slow_figures(slow)
      slow_at = row.fetch(:slow_at) { slow ? Time.now.to_f : nil }
      new(row.merge(slow_at: slow_at, figures: {**taken.to_h, live: taken.live, kept: taken.kept, **figures}), own: true)
    ensure
      taken&.close unless sample
    end

    def self.slow_figures(slow)
      case slow
      when true then SharedMemory.slow_figures
      when false then {pss: nil, uss: nil, swap: nil}
      else {pss: slow.pss, uss: slow.uss, swap: slow.swap}
      end
    end

    def self.identification
      allocator = Allocator.detect
      {allocator: allocator.name.to_s, version: allocator.version, verdict: allocator.verdict.to_s}
    end

    def self.purged
      AllocStats::Purge.totals.then { |totals| {purges: totals[:count], purged_bytes: totals[:bytes]} }
    end

    private_class_method :slow_figures, :identification, :purged

    # @param row [Hash] as the extension reads it from the shared memory
    def initialize(row, own: false)
      @row = row
      @own = own
      @index = row[:index] || row[:slot] || 0
      @pid = row[:pid]
      @title = row[:title]
      @alive = row[:alive]
      @stopped = row[:stopped] || false
      @reported_at = row[:reported_at] && Time.at(row[:reported_at])
      @interval = row[:interval]
      @allocator, @version, @verdict = row.values_at(:allocator, :version, :verdict)
      @figures = (row[:figures] || Worker.nothing).freeze
      @counters = {purges: row[:purges], purged_bytes: row[:purged_bytes], samples: row[:samples]}.freeze
      @read_at = Time.now
      freeze
    end

    # The figures of a worker that says nothing.
    def self.nothing
      [*Sample::Figure.catalogue.keys, :live, :kept, :pss, :uss, :swap].to_h { |name| [name, nil] }
    end

    # What tells this process from another that has its pid later; nil where it has no slot.
    def identity = @row[:identity]

    def self? = @own

    def alive? = @alive

    def stopped? = @stopped

    # Seconds since the last report, when this was read.
    def age
      @own ? 0.0 : reported_at && [@read_at - reported_at, 0.0].max
    end

    # Seconds since its :pss, :uss and :swap were read; nil where they were not.
    def slow_age
      @row[:slow_at] && [@read_at - Time.at(@row[:slow_at]), 0.0].max
    end

    # Whether it should have reported since; a dead one is stale.
    def stale?
      return false if @own
      !alive? || interval.nil? || age.nil? || age > interval * STALE_AFTER
    end

    # Its figure, by name: worker[:rss].
    def [](name)
      figures.fetch(name.to_sym) { raise UnknownName.among("figure", name, figures.keys) }
    end

    # What it was like over the last day. Read when asked for; empty when another process has its place meanwhile.
    # @return [History]
    def history
      return History.read if @own
      History.new(SharedMemory.history(@row[:slot], @row[:identity]), interval: interval)
    end

    # By how much it grows, over the last hour; see History#growth. Reads its history: about a millisecond.
    # @return [Float, nil] bytes an hour
    def growth = history.growth

    def to_h
      {
        index: index, pid: pid, title: title, self: self?, alive: alive?, stale: stale?, stopped: stopped?,
        reported_at: reported_at&.to_f, age: age, slow_age: slow_age, interval: interval, allocator: allocator, version: version, verdict: verdict, growth: growth,
        figures: figures, counters: counters
      }
    end

    def inspect
      "#<AllocStats::Worker #{index} pid #{pid}#{" dead" unless alive?}#{" stale" if alive? && stale?} rss=#{figures[:rss].inspect} pss=#{figures[:pss].inspect}>"
    end
  end
end
