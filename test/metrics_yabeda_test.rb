# frozen_string_literal: true

require "test_helper"
require "support/registries"

class MetricsYabedaTest < Minitest::Test
  include Registries

  GEMS = ["yabeda", "yabeda/prometheus", "prometheus/client/formats/text"].freeze
  TEXT = "Prometheus::Client::Formats::Text.marshal(Yabeda::Prometheus.registry)"

  def test_the_same_names_and_labels_come_out
    text, endpoints = child(<<~RUBY)
      AllocStats::Metrics::Yabeda.register
      Yabeda.configure!
      Yabeda.collect!
      [#{TEXT}, AllocStats::Formats::Prometheus.generate(AllocStats.metrics)]
    RUBY

    assert_same_series endpoints, text
    assert_equal endpoints.lines.grep(/^# (TYPE|HELP)/).sort, text.lines.grep(/^# (TYPE|HELP)/).sort
    return if PrometheusServer.missing
    output, content = PrometheusServer.promtool("check", "metrics", input: text)
    assert content, output
  end

  def test_before_and_after_configuration
    told = child(<<~RUBY)
      Yabeda.configure!
      AllocStats::Metrics::Yabeda.register
      Yabeda.collect!
      Yabeda.process.resident_memory.get(worker: "0")
    RUBY

    assert_operator told, :>, 5_000_000
  end

  def test_collecting_before_configuration_waits
    told = child_result(<<~RUBY)
      AllocStats::Metrics::Yabeda.register
      Yabeda.collect!
      before = Yabeda.metrics.size
      Yabeda.configure!
      Yabeda.collect!
      [before, Yabeda.metrics.key?("process_resident_memory")]
    RUBY

    assert_equal [[0, true], ""], [told.value, told.stderr]
  end

  def test_gauges_move_and_counters_add_up
    told = child(<<~RUBY)
      AllocStats::Metrics::Yabeda.register
      Yabeda.configure!
      name = AllocStats.allocator.name.to_s
      counted = lambda do
        Yabeda.collect!
        [Yabeda.allocator.purges_total.get(allocator: name, worker: "0"), Yabeda.process.resident_memory.get(worker: "0")]
      end
      first = counted.call
      AllocStats.purge
      kept = Array.new(50_000) { "x" * 1_000 }
      second = counted.call
      AllocStats.purge
      AllocStats.purge
      [first, second, counted.call, kept.size]
    RUBY

    assert_equal [0, 1, 3], told.first(3).map(&:first)
    assert_operator told[1].last - told[0].last, :>, 40_000_000
  end

  # A worker that began anew counts from 0; what the one before it counted stays.
  def test_a_counter_that_begins_anew
    told = child(<<~RUBY)
      Yabeda.configure!
      counts = [5, 7, 2, 3]
      family = AllocStats::Metrics.families.find { |each| each.sample_name == "allocator_purges_total" }
      AllocStats.define_singleton_method(:metrics) { |**| [[family, [AllocStats::Metrics::Sample.new(["glibc", 0], counts.shift)]]] }
      AllocStats::Metrics::Yabeda.register
      Array.new(4) { Yabeda.collect! && Yabeda.allocator.purges_total.get(allocator: "glibc", worker: "0") }
    RUBY

    assert_equal [5, 7, 9, 10], told
  end

  def test_what_is_not_measured_is_not_shown_as_0
    told = child(<<~RUBY)
      AllocStats::Metrics::Yabeda.register
      Yabeda.configure!
      Yabeda.collect!
      names = AllocStats::Metrics.families.map(&:sample_name) - AllocStats.metrics.to_h.keys
      text = #{TEXT}
      [names.size, names.select { |name| text.include?(name) }]
    RUBY

    assert_operator told[0], :>, 0
    assert_empty told[1]
  end

  def test_what_the_application_has_itself_is_its_own
    told = child_result(<<~RUBY)
      AllocStats::Metrics::Yabeda.register(except: ["ruby_heap_pages"])
      Yabeda.configure do
        group :process
        gauge :resident_memory, unit: :bytes, comment: "the application's own", tags: []
      end
      Prometheus::Client.registry.gauge(:allocator_info, docstring: "by other means")
      Yabeda.configure!
      2.times { Yabeda.collect! }
      [Yabeda.process.resident_memory.get, Yabeda.process.virtual_memory.get(worker: "0").class.name, Yabeda.metrics.key?("ruby_heap_pages")]
    RUBY

    assert_equal [nil, "Integer", false], told.value
    assert_equal 1, told.stderr.lines.size, told.stderr
    assert_match(/\Aallocstats: Yabeda does not take allocator_info, which is left out: .*already been registered$/, told.stderr)
  end

  def test_registering_where_the_application_has_it
    told = child(<<~RUBY)
      Yabeda.configure!
      registered = AllocStats::Metrics.register
      Yabeda.collect!
      [registered, Yabeda.metrics.key?("process_resident_memory")]
    RUBY

    assert_equal ["yabeda", true], told, "Yabeda's adapter for Prometheus is there too, and has them from Yabeda"
  end

  def test_a_name_that_there_is_not
    message = child(<<~RUBY)
      begin
        AllocStats::Metrics::Yabeda.register(except: [:process_resident_bytes])
      rescue AllocStats::UnknownName => error
        error.message
      end
    RUBY

    assert_match(/no metric is named "process_resident_bytes"; did you mean/, message)
  end

  # Two processes that write to one folder, as workers of a server do: nothing is there twice.
  def test_processes_that_share_a_store
    told = child(<<~RUBY)
      require "tmpdir"
      Dir.mktmpdir do |folder|
        Prometheus::Client.config.data_store = Prometheus::Client::DataStores::DirectFileStore.new(dir: folder)
        AllocStats::Metrics::Yabeda.register
        Yabeda.configure!
        AllocStats.purge
        2.times { Process.wait(fork { Yabeda.collect! }) }
        Yabeda.collect!
        text = #{TEXT}
        {purges: text[/^allocator_purges_total\\{.+\\} (\\S+)$/, 1], rss: text[/^process_resident_memory_bytes\\{.+\\} (\\S+)$/, 1], now: AllocStats.sample.rss}
      end
    RUBY

    assert_equal 1.0, Float(told[:purges])
    assert_in_delta told[:now], Float(told[:rss]), told[:now] * 0.25
  end
end
