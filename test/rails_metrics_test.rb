# frozen_string_literal: true

require "test_helper"
require "support/small_rails"

# A Rails application that has metrics of its own.
class RailsMetricsTest < Minitest::Test
  def small_rails
    SmallRails.new("rails_7_2").tap { |rails| skip rails.missing if rails.missing }
  end

  def names(text) = text.lines.filter_map { |line| line[/^# TYPE (\S+)/, 1] }

  def test_yabeda_has_them_too
    configuration = 'config.middleware.insert 0, Yabeda::Prometheus::Exporter, path: "/metrics"'
    small_rails.run(configuration, first: %(require "yabeda"\nrequire "yabeda/prometheus"), env: {"ALLOCSTATS_TOKEN" => "of-the-test-of-metrics"}) do |server|
      theirs = server.get("/metrics").body
      ours = server.get("/allocator/metrics", "Authorization" => "Bearer of-the-test-of-metrics").body

      assert_operator names(ours).size, :>, 15
      assert_empty names(ours) - names(theirs)
      assert_match(/^process_resident_memory_bytes\{worker="0"\} \d{8,}/, theirs)
    end
  end

  PROMETHEUS_CLIENT = <<~RUBY
    require "prometheus/client"
    require "prometheus/middleware/exporter"
    Prometheus::Client.registry.gauge(:process_virtual_memory_bytes, docstring: "the application's own")
  RUBY

  def test_prometheus_client_has_them_too
    small_rails.run("config.middleware.insert 0, Prometheus::Middleware::Exporter", first: PROMETHEUS_CLIENT) do |server|
      text = server.get("/metrics").body

      assert_includes text, "# HELP process_virtual_memory_bytes the application's own\n"
      assert_match(/^process_resident_memory_bytes\{worker="0"\} \d{8,}/, text)
    end
  end

  def test_unless_it_is_switched_off
    configuration = "config.allocstats.metrics = false\nconfig.middleware.insert 0, Prometheus::Middleware::Exporter"
    small_rails.run(configuration, first: PROMETHEUS_CLIENT) do |server|
      assert_equal ["process_virtual_memory_bytes"], names(server.get("/metrics").body)
    end
  end
end
