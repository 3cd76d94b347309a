# frozen_string_literal: true

require "test_helper"
require "support/registries"

class MetricsPrometheusClientTest < Minitest::Test
  include Registries

  GEMS = ["prometheus/client", "prometheus/client/formats/text"].freeze

  def test_figures_are_read_when_the_registry_is_written_down
    told = child(<<~RUBY)
      AllocStats::Metrics::PrometheusClient.register
      text = -> { sleep(AllocStats::Metrics::PrometheusClient::SECONDS) && Prometheus::Client::Formats::Text.marshal(Prometheus::Client.registry) }
      rss = -> { text.call[/^process_resident_memory_bytes\\{worker="0"\\} (\\d+)$/, 1].to_i }
      before = rss.call
      kept = Array.new(50_000) { "x" * 1_000 }
      purged = (AllocStats.purge && text.call[/^allocator_purges_total\\{.+\\} (\\d+)$/, 1].to_i)
      {before: before, after: rss.call, kept: kept.size, purged: purged}
    RUBY

    assert_operator told[:after] - told[:before], :>, 40_000_000
    assert_equal 1, told[:purged]
  end

  def test_it_says_the_same_as_the_endpoint
    text, endpoints = child(<<~RUBY)
      registry = Prometheus::Client::Registry.new
      AllocStats::Metrics::PrometheusClient.register(registry)
      [Prometheus::Client::Formats::Text.marshal(registry), AllocStats::Formats::Prometheus.generate(AllocStats.metrics)]
    RUBY

    assert_same_series endpoints, text
    assert_operator text.lines.grep_v(/^#/).size, :>, 15
    assert_empty endpoints.lines.grep(/^# TYPE/) - text.lines.grep(/^# TYPE/)
  end

  def test_promtool_reads_it
    skip PrometheusServer.missing if PrometheusServer.missing
    output, content = PrometheusServer.promtool("check", "metrics", input: child(<<~RUBY))
      AllocStats::Metrics::PrometheusClient.register
      Prometheus::Client::Formats::Text.marshal(Prometheus::Client.registry)
    RUBY
    assert content, output
  end

  def test_one_scrape_is_one_reading
    told = child(<<~RUBY)
      readings = 0
      TracePoint.new(:call) { |call| readings += 1 if call.method_id == :metrics && call.self == AllocStats && call.defined_class != AllocStats::Ractors }.enable
      AllocStats::Metrics::PrometheusClient.register
      before = readings
      Prometheus::Client::Formats::Text.marshal(Prometheus::Client.registry)
      [before, readings]
    RUBY

    assert_equal [0, 1], told
  end

  def test_a_name_that_is_taken
    told = child(<<~RUBY)
      registry = Prometheus::Client.registry
      registry.gauge(:process_resident_memory_bytes, docstring: "the application's own")
      refused = begin
        AllocStats::Metrics::PrometheusClient.register
      rescue AllocStats::InvalidValue => error
        error.message
      end
      untouched = registry.metrics.size
      AllocStats::Metrics::PrometheusClient.register(except: [:process_resident_memory_bytes])
      unknown = begin
        AllocStats::Metrics::PrometheusClient.register(except: ["process_resident_memory"])
      rescue AllocStats::UnknownName => error
        error.message
      end
      {refused: refused, untouched: untouched, own: registry.get(:process_resident_memory_bytes).docstring, all: registry.metrics.size, unknown: unknown}
    RUBY

    assert_equal "the registry already has process_resident_memory_bytes; except: leaves names out", told[:refused]
    assert_equal [1, "the application's own", AllocStats::Metrics.families.size], told.values_at(:untouched, :own, :all)
    assert_match(/no metric is named "process_resident_memory"; did you mean/, told[:unknown])
  end

  # The store in files, which forked servers use, is not asked to hold what every worker knows anyway.
  def test_beside_a_store_in_files
    told = child(<<~RUBY)
      require "tmpdir"
      require "prometheus/client/data_stores/direct_file_store"
      Dir.mktmpdir do |folder|
        Prometheus::Client.config.data_store = Prometheus::Client::DataStores::DirectFileStore.new(dir: folder)
        AllocStats::Metrics::PrometheusClient.register
        [Prometheus::Client::Formats::Text.marshal(Prometheus::Client.registry).lines.grep(/^process_resident_memory_bytes/).size, Dir.children(folder)]
      end
    RUBY

    assert_equal [1, []], told
  end

  def test_a_metric_answers_by_its_labels
    told = child(<<~RUBY)
      metric = AllocStats::Metrics::PrometheusClient.register.find { |each| each.name == :process_resident_memory_bytes }
      [metric.get(labels: {worker: 0}), metric.get(labels: {worker: 9}), metric.labels, metric.preset_labels, metric.type]
    RUBY

    assert_operator told[0], :>, 5_000_000
    assert_equal [nil, ["worker"], {}, "gauge"], told.drop(1)
  end

  def test_registering_where_the_application_has_it
    told = child(<<~RUBY)
      registry = Prometheus::Client.registry
      registry.gauge(:process_resident_memory_bytes, docstring: "the application's own")
      [AllocStats::Metrics.register(except: ["ruby_heap_pages"]), registry.get(:process_resident_memory_bytes).docstring, registry.exist?(:ruby_heap_pages), registry.metrics.size]
    RUBY

    assert_equal ["prometheus_client", "the application's own", false, AllocStats::Metrics.families.size - 1], told
    assert_equal [nil], ChildProcess.ruby("[AllocStats::Metrics.register]").value
  end

  def test_nothing_of_it_is_loaded_unasked
    assert_equal [nil, nil], ChildProcess.ruby("AllocStats.metrics; [defined?(Prometheus), defined?(Yabeda)]").value
  end
end
