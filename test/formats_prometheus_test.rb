# frozen_string_literal: true

require "test_helper"
require "support/prometheus_server"

class FormatsPrometheusTest < Minitest::Test
  Prometheus = AllocStats::Formats::Prometheus
  Family = AllocStats::Metrics::Family
  Sample = AllocStats::Metrics::Sample

  ODD = "a \"b\" \\ c\nd é \xFF"
  GAUGE = Family.new(name: "some_bytes", type: :gauge, unit: :bytes, help: "says \"x\" \\ and\nmore", labels: [:what, :where], read: ->(_) { [] })
  COUNTER = Family.new(name: "some_purged_bytes", type: :counter, unit: :bytes, help: "so many", labels: [], read: ->(_) { [] })
  INFO = Family.new(name: "some", type: :info, unit: nil, help: "facts", labels: [:version], read: ->(_) { [] })
  METRICS = [
    [INFO, [Sample.new(["5.3"], 1)]],
    [GAUGE, [Sample.new([ODD, nil], 2**60), Sample.new([:there, 0], 0.5)]],
    [COUNTER, [Sample.new([], 7)]]
  ].freeze

  # What Prometheus has sent since 2.5, and what its version 3 sends.
  PROMETHEUS_2 = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
  PROMETHEUS_3 = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5," \
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
  BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"

  def test_the_text_format
    assert_equal <<~'TEXT', Prometheus.generate(METRICS, :prometheus)
      # HELP some_info facts
      # TYPE some_info gauge
      some_info{version="5.3"} 1
      # HELP some_bytes says "x" \\ and\nmore
      # TYPE some_bytes gauge
      some_bytes{what="a \"b\" \\ c\nd é �"} 1152921504606846976
      some_bytes{what="there",where="0"} 0.5
      # HELP some_purged_bytes_total so many
      # TYPE some_purged_bytes_total counter
      some_purged_bytes_total 7
    TEXT
  end

  def test_openmetrics
    assert_equal <<~'TEXT', Prometheus.generate(METRICS, :openmetrics)
      # TYPE some info
      # HELP some facts
      some_info{version="5.3"} 1
      # TYPE some_bytes gauge
      # UNIT some_bytes bytes
      # HELP some_bytes says \"x\" \\ and\nmore
      some_bytes{what="a \"b\" \\ c\nd é �"} 1152921504606846976
      some_bytes{what="there",where="0"} 0.5
      # TYPE some_purged_bytes counter
      # UNIT some_purged_bytes bytes
      # HELP some_purged_bytes so many
      some_purged_bytes_total 7
      # EOF
    TEXT
  end

  def test_without_anything
    assert_equal "", Prometheus.generate([], :prometheus)
    assert_equal "# EOF\n", Prometheus.generate([], :openmetrics)
  end

  def test_content_types_name_their_versions
    assert_equal "text/plain; version=0.0.4; charset=utf-8", Prometheus.content_type(:prometheus)
    assert_equal "application/openmetrics-text; version=1.0.0; charset=utf-8", Prometheus.content_type(:openmetrics)
  end

  def test_a_format_that_there_is_not
    assert_match(/no format of metrics is named :openmetric; did you mean openmetrics\?/, assert_raises(AllocStats::UnknownName) { Prometheus.generate([], :openmetric) }.message)
    assert_raises(AllocStats::UnknownName) { Prometheus.content_type(nil) }
  end

  def test_negotiation
    {
      PROMETHEUS_2 => :openmetrics, PROMETHEUS_3 => :openmetrics,
      "application/openmetrics-text" => :openmetrics, "application/*" => :openmetrics,
      "text/plain;q=0, */*" => :openmetrics, "text/plain;q=0.2, application/openmetrics-text;q=0.3" => :openmetrics,
      nil => :prometheus, "*/*" => :prometheus, BROWSER => :prometheus, "text/plain" => :prometheus,
      "application/openmetrics-text;q=0.2, text/plain;q=0.3" => :prometheus,
      "application/openmetrics-text, text/plain" => :prometheus,
      "application/openmetrics-text;version=0.0.1" => :prometheus, "application/openmetrics-text;version=2.0.0" => :prometheus,
      "image/png" => :prometheus, "rubbish" => :prometheus
    }.each { |accept, format| assert_equal format, Prometheus.negotiate(accept), accept.inspect }
  end

  # Python's client, whose parser holds to the letter of OpenMetrics 1.0.
  PARSER = <<~PYTHON
    import json, sys
    from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
    text = sys.stdin.buffer.read().decode()
    print(json.dumps([[f.name, f.type, f.unit, f.documentation, [[s.name, s.labels, s.value] for s in f.samples]] for f in parse(text)]))
  PYTHON
  PYTHON = "/usr/bin/python3"

  def parsed(text)
    skip "Python's client is not installed (Debian: apt-get install python3-prometheus-client)" unless system(PYTHON, "-c", "import prometheus_client", err: File::NULL)
    output, error, status = Open3.capture3(PYTHON, "-c", PARSER, stdin_data: text)
    assert status.success?, error
    JSON.parse(output)
  end

  def test_a_strict_parser_reads_what_was_written
    assert_equal [
      ["some", "info", "", "facts", [["some_info", {"version" => "5.3"}, 1.0]]],
      ["some_bytes", "gauge", "bytes", "says \"x\" \\ and\nmore",
        [["some_bytes", {"what" => "a \"b\" \\ c\nd é \uFFFD"}, 2**60], ["some_bytes", {"what" => "there", "where" => "0"}, 0.5]]],
      ["some_purged_bytes", "counter", "bytes", "so many", [["some_purged_bytes_total", {}, 7.0]]]
    ], parsed(Prometheus.generate(METRICS, :openmetrics))
  end

  def test_a_strict_parser_reads_the_real_ones
    metrics = AllocStats.metrics
    families = parsed(Prometheus.generate(metrics, :openmetrics))

    assert_equal metrics.map { |family, samples| [family.name, family.type.to_s, family.unit.to_s, samples.size] }, families.map { |name, type, unit, _, samples| [name, type, unit, samples.size] }
  end

  def test_promtool_reads_the_text
    skip PrometheusServer.missing if PrometheusServer.missing
    output, content = PrometheusServer.promtool("check", "metrics", input: Prometheus.generate(METRICS, :prometheus))
    assert content, output
  end
end
