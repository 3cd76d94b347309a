# frozen_string_literal: true

require "test_helper"
require "support/made_tree"
require "support/prometheus_server"
require "support/under_each"

# What is exposed, in processes under each allocator.
module MetricsTests
  # What this allocator's newest version is known to measure cheaply, beyond what any process has.
  MEASURED = {
    glibc: [], musl: [],
    jemalloc: %w[allocator_allocated_bytes allocator_dirty_bytes allocator_kept_bytes],
    mimalloc: %w[allocator_committed_bytes],
    tcmalloc: %w[allocator_allocated_bytes allocator_kept_bytes]
  }.freeze

  def test_every_figure_that_was_measured_and_no_other
    told = child(<<~RUBY)
      sample = AllocStats.sample.to_h
      metrics = AllocStats.metrics.to_h
      {names: metrics.keys, measured: sample.compact.keys, absent: sample.select { |_, value| value.nil? }.keys}
    RUBY
    name = AllocStats::Metrics::Catalogue.figures.map(&:sample_name).zip(AllocStats.figures.keys).to_h.invert

    assert_empty told[:measured].map { |figure| name.fetch(figure.to_sym) } - told[:names]
    assert_empty told[:absent].map { |figure| name.fetch(figure.to_sym) } & told[:names]
    assert_empty MEASURED.fetch(self.class::ENTRY.name) - told[:names]
  end

  def test_the_facts_of_the_allocator
    info = child('AllocStats.metrics.to_h.fetch("allocator_info").keys')
    entry = self.class::ENTRY

    assert_equal 1, info.size
    assert_equal [entry.name.to_s, "sole", "0"], info.first.values_at(:allocator, :verdict, :worker)
    assert_equal File.realpath(entry.path), File.realpath(info.first[:path]) if entry.path
  end

  def test_figures_are_those_of_the_process
    told = child(<<~RUBY)
      metrics = AllocStats.metrics.to_h
      status = File.read("/proc/self/status")
      {rss: metrics.fetch("process_resident_memory_bytes").values, virtual: metrics.fetch("process_virtual_memory_bytes").values,
       kernel: %w[VmRSS VmSize].map { |name| status[/^\#{name}:\\s+(\\d+)/, 1].to_i * 1024 }}
    RUBY

    assert_in_delta told[:kernel][0], told[:rss].first, told[:kernel][0] * 0.25
    assert_in_delta told[:kernel][1], told[:virtual].first, told[:kernel][1] * 0.25
  end

  def test_purges_are_counted
    told = child(<<~RUBY)
      read = -> { AllocStats.metrics.to_h.values_at("allocator_purges_total", "allocator_purged_bytes_total").map { |samples| samples.values.first } }
      before = read.call
      purge = AllocStats.purge
      {before: before, after: read.call, released: purge.released}
    RUBY

    assert_equal [told[:before][0] + 1, told[:before][1] + told[:released]], told[:after]
  end

  def test_promtool_reads_it
    skip PrometheusServer.missing if PrometheusServer.missing
    output, content = PrometheusServer.promtool("check", "metrics", input: child("AllocStats::Formats::Prometheus.generate(AllocStats.metrics)"))

    assert content, output
  end

  UnderEach.of(self)
end

class MetricsTest < Minitest::Test
  Metrics = AllocStats::Metrics

  # A worker's slot as another process reads it.
  Worker = Struct.new(:index, :pid, :alive, :reported_at, :allocator, :figures, :counters, :history, keyword_init: true) do
    def alive? = alive

    def self? = false

    def stale? = false

    def age = 0.0

    def identity = nil

    def version = "5.3.0"

    def verdict = "sole"
  end

  # What a cluster of two said, one of them dead, and a control group as it may be.
  class MadeServer < AllocStats::Diagnosis::Target::Server
    attr_reader :siblings

    def initialize(workers, **options)
      super(**options)
      @siblings = workers
    end
  end

  def worker(index, alive: true, pid: 1, at: 1_000, figures: {}, rows: [], allocator: "jemalloc")
    counters = {purges: 0, purged_bytes: nil, samples: 3}
    Worker.new(index: index, pid: pid, alive: alive, reported_at: at && Time.at(at), allocator: allocator, figures: {rss: nil}.merge(figures), counters: counters,
      history: AllocStats::History.new(rows, interval: 10))
  end

  def read(workers, **options)
    Metrics.new(Metrics::Reading.new(target: MadeServer.new(workers, **options)))
  end

  def test_every_worker_has_its_label
    metrics = read([worker(0, figures: {rss: 5, pss: 3}), worker(1, figures: {rss: 7, pss: nil})]).to_h

    assert_equal({{worker: "0"} => 5, {worker: "1"} => 7}, metrics["process_resident_memory_bytes"])
    assert_equal({{worker: "0"} => 3}, metrics["process_proportional_memory_bytes"])
    assert_equal [{allocator: "jemalloc", worker: "0"}, {allocator: "jemalloc", worker: "1"}], metrics["allocator_purges_total"].keys
  end

  def test_what_was_not_measured_is_absent
    metrics = read([worker(0, figures: {rss: 5, allocated: nil, dirty: Float::NAN, muzzy: Float::INFINITY})]).to_h

    assert_includes metrics, "process_resident_memory_bytes"
    assert_empty %w[allocator_allocated_bytes allocator_dirty_bytes allocator_muzzy_bytes allocator_purged_bytes_total allocator_kept_bytes] & metrics.keys
    refute(metrics.values.any?(&:empty?))
  end

  def test_a_worker_that_has_ended_is_down_and_has_no_figures
    metrics = read([worker(0, figures: {rss: 5}), worker(1, alive: false, figures: {rss: 7}, at: 900)]).to_h

    assert_equal({{worker: "0"} => 1, {worker: "1"} => 0}, metrics["allocstats_worker_up"])
    assert_equal({{worker: "0"} => 5}, metrics["process_resident_memory_bytes"])
    assert_equal({{worker: "0"} => 1_000.0, {worker: "1"} => 900.0}, metrics["allocstats_worker_last_report_timestamp_seconds"])
  end

  def test_one_that_took_the_place_of_another_goes_under_its_index_alone
    metrics = read([worker(0, alive: false, at: 2_000, figures: {rss: 1}), worker(0, at: 1_000, figures: {rss: 2})]).to_h

    assert_equal({{worker: "0"} => 2}, metrics["process_resident_memory_bytes"])
    assert_equal({{worker: "0"} => 1}, metrics["allocstats_worker_up"])
  end

  # A line through an hour takes a millisecond for each worker, so it is drawn once a minute.
  def test_growth_is_not_drawn_for_every_scrape
    first, drawn, rates = ChildProcess.ruby(<<~RUBY).value
      AllocStats.start(interval: 0.05)
      limit = AllocStats::Diagnosis::Limits.new(growth: {warn: {seconds: 2.0}}).of(:growth, :warn)
      rate = -> { AllocStats::Diagnosis::Rates.growth(AllocStats.workers.first, limit)&.rate }
      until (first = rate.call)
        sleep 0.1
        limit = limit.dup.tap { |other| other.seconds += 0.001 }
      end
      drawn = 0
      TracePoint.new(:call) { |call| drawn += 1 if call.method_id == :slope }.enable
      rates = Array.new(5) { rate.call }
      [first, drawn, rates]
    RUBY

    assert_kind_of Float, first
    assert_equal [0, [first] * 5], [drawn, rates]
  end

  def test_one_that_says_nothing_is_there_and_no_more
    metrics = read([worker(0, figures: {rss: 2}), worker(1, at: nil, allocator: nil)]).to_h

    assert_equal({{worker: "0"} => 1, {worker: "1"} => 1}, metrics["allocstats_worker_up"])
    %w[allocator_info process_resident_memory_bytes allocstats_worker_last_report_timestamp_seconds].each do |name|
      assert_equal ["0"], metrics[name].keys.map { |labels| labels[:worker] }, name
    end
  end

  def test_growth_is_by_the_second
    rows = ->(seconds) { Array.new(seconds / 10) { |i| [Time.now.to_f - seconds + 5 + i * 10, 100_000_000 + i * 100, nil, nil] } }
    metrics = read([worker(0, pid: 70_001, rows: rows[3600]), worker(1, pid: 70_002, rows: rows[900])]).to_h
    growth = metrics.fetch("process_resident_memory_growth_bytes_per_second")

    assert_in_delta 10.0, growth.delete({worker: "0"}), 0.001
    assert_empty growth, "a quarter of an hour is no hour"
  end

  def test_the_control_group
    metrics = read([], root: MadeTree.fixture("container_v2")).to_h

    assert_equal [536_870_912, 402_653_184, 192_648_448, 251_658_240, 4096, 0],
      %w[limit high usage charged swap swap_limit].map { |name| metrics.fetch("cgroup_memory_#{name}_bytes").fetch({}) }
    assert_equal({"low" => 0, "high" => 17, "max" => 2, "oom" => 1, "oom_kill" => 1}, metrics["cgroup_memory_events_total"].transform_keys { |labels| labels[:event] })
    assert_equal({{share: "some"} => 5.839112, {share: "full"} => 1.402998}, metrics["cgroup_memory_pressure_seconds_total"])
    assert_equal 0.0153, metrics["cgroup_memory_pressure_ratio"].fetch({share: "some", window: "10s"})
  end

  def test_no_control_group
    Dir.mktmpdir do |root|
      assert_empty read([worker(0, figures: {rss: 5})], root: root).to_h.keys.grep(/cgroup/)
    end
  end

  def test_a_part_that_fails_costs_only_itself
    server = MadeServer.new([worker(0, figures: {rss: 5})])
    server.define_singleton_method(:group) { raise AllocStats::Error, "nothing" }
    server.define_singleton_method(:owner) { raise Errno::EACCES }
    metrics = Metrics.new(Metrics::Reading.new(target: server)).to_h

    assert_equal({{worker: "0"} => 5}, metrics["process_resident_memory_bytes"])
    assert_equal [{allocator: "jemalloc", version: "5.3.0", verdict: "sole", worker: "0"}], metrics["allocator_info"].keys
    assert_empty metrics.keys.grep(/cgroup/)
    assert_equal [1, 0, 0], %w[pass warn fail].map { |status| metrics["allocstats_health_status"].fetch({status: status}) }, "what was not measured is not held against it"
  end

  def test_the_catalogue_is_sound
    families = Metrics.families

    assert_equal families.map(&:sample_name).uniq, families.map(&:sample_name)
    families.each do |family|
      assert_match(/\A[a-z][a-z0-9_]*\z/, family.sample_name)
      assert family.name.end_with?("_#{family.unit}"), "#{family.name} must end in its unit" if family.unit
      refute_match(/_(?:total|info|count|sum|bucket|created)\z/, family.name)
      assert_operator family.help.length, :>, 10
      assert_empty family.labels - %i[allocator worker version linkage verdict path event share window status ruby_version purpose]
    end
  end

  def test_every_figure_of_a_sample_has_its_definition_for_help
    assert_equal AllocStats.figures.values.map(&:definition), Metrics::Catalogue.figures.map(&:help)
    assert_equal AllocStats.figures.values.map { |figure| figure.unit == :bytes }, Metrics::Catalogue.figures.map { |family| family.unit == :bytes }
  end

  def test_health_is_judged_as_it_is_configured
    status = ->(**health) { AllocStats.metrics(health: health).to_h.fetch("allocstats_health_status").key(1)[:status] }

    assert_equal "fail", status.call(expect: :jemalloc) if AllocStats.allocator.name != :jemalloc
    refute_equal "fail", status.call(expect: AllocStats.allocator.name)
    assert_raises(AllocStats::UnknownName) { AllocStats.metrics(health: {expec: 1}) }
  end

  # Each of the extension's readings that costs milliseconds, against what is called.
  def test_a_scrape_takes_no_expensive_reading
    told = ChildProcess.ruby(<<~RUBY).value
      AllocStats.start
      AllocStats.metrics
      calls = lambda do |&work|
        seen = []
        TracePoint.new(:c_call) { |call| seen << call.method_id if call.defined_class.inspect.include?("AllocStats") }.enable(&work)
        seen.uniq
      end
      metrics = calls.call { AllocStats.metrics }
      AllocStats.stop
      {metrics: metrics | calls.call { AllocStats.metrics }, expensive: calls.call { AllocStats.memory && AllocStats.ledger && AllocStats.census && AllocStats::SharedMemory.slow_figures }}
    RUBY
    expensive = %w[scan live_bytes stats_dump slow_figures]

    assert_empty expensive - told[:expensive], "these are not what the expensive readings are called"
    assert_empty told[:metrics] & expensive
    assert_includes told[:metrics], "rows"
  end

  def test_inspect_says_how_much_there_is
    assert_match(/\A#<AllocStats::Metrics \d+ families, \d+ samples>\z/, AllocStats.metrics.inspect)
  end
end
