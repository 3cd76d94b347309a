# frozen_string_literal: true

require "test_helper"
require "support/prometheus_server"
require "support/puma_server"

# What docs/fleet.md and docs/fleet hold, by the tools they are for.
class FleetTest < Minitest::Test
  ROOT = File.expand_path("../docs/fleet", __dir__)
  GUIDE = File.read("#{ROOT}.md")
  DASHBOARD = JSON.parse(File.read("#{ROOT}/dashboard.json"))
  RULES = YAML.load_file("#{ROOT}/rules.yml").fetch("groups").flat_map { |group| group["rules"] }

  # What PromQL has in its expressions that is no name of ours.
  OURS = /\b(?:process|allocator|cgroup|allocstats|ruby)_\w+/
  RECORDED = /\b(?:instance|worker):[\w:]+/

  # Names as they are queried, by the table that exposes them.
  EXPOSED = AllocStats::Metrics.families.map(&:sample_name)

  def setup
    skip PrometheusServer.missing if PrometheusServer.missing
  end

  def test_promtool_takes_the_rules_and_their_tests_hold
    [%w[check rules rules.yml], %w[test rules rules_test.yml]].each do |arguments|
      output, content = PrometheusServer.promtool(*arguments, chdir: ROOT)
      assert content, output
    end
  end

  def test_each_alert_and_record_has_a_test
    tests = YAML.load_file("#{ROOT}/rules_test.yml").fetch("tests")
    fired = tests.flat_map { |test| test.fetch("alert_rule_test", []) }.select { |test| test["exp_alerts"].any? }.map { |test| test["alertname"] }
    queried = tests.flat_map { |test| test.fetch("promql_expr_test", []) }.map { |test| test["expr"] }

    assert_equal RULES.filter_map { |rule| rule["alert"] }.sort, fired.uniq.sort
    assert_equal RULES.filter_map { |rule| rule["record"] }.sort, queried.sort
  end

  def test_promtool_takes_the_configurations
    configurations = [File.read("#{ROOT}/prometheus.yml"), *GUIDE.scan(/^```yaml\n(scrape_configs:.+?)^```/m).flatten]

    assert_operator configurations.size, :>=, 2
    configurations.each do |text|
      Dir.mktmpdir do |folder|
        {"prometheus.yml" => text, "rules.yml" => File.read("#{ROOT}/rules.yml"), "allocstats.token" => "x"}.each { |name, body| File.write("#{folder}/#{name}", body) }
        output, content = PrometheusServer.promtool("check", "config", "prometheus.yml", chdir: folder)
        assert content, output
      end
    end
  end

  def test_every_name_in_rules_and_dashboard_is_exposed
    recorded = RULES.filter_map { |rule| rule["record"] }
    {rules: RULES.map { |rule| rule["expr"] }, dashboard: expressions}.each do |where, texts|
      names = texts.flat_map { |text| text.gsub(RECORDED, "").scan(OURS) }.uniq
      assert_operator names.size, :>, 10, where
      assert_empty names - EXPOSED, where
      assert_empty texts.flat_map { |text| text.scan(RECORDED) }.uniq - recorded, where
    end
  end

  def test_the_guide_has_the_whole_table
    rows = AllocStats::Metrics.families.map do |family|
      labels = family.labels.map { |label| "`#{label}`" }.join(", ")
      "| `#{family.sample_name}` | #{family.type} | #{labels} | #{family.help} |".gsub("|  |", "| |")
    end

    assert_equal rows, GUIDE.lines(chomp: true).grep(/^\| `/)
  end

  def test_the_guide_has_every_alert
    assert_equal RULES.filter_map { |rule| rule["alert"] }, GUIDE.scan(/^\| ([A-Z]\w+(?:, [A-Z]\w+)*) \|/).flat_map { |row| row.first.split(", ") }
  end

  def test_the_dashboard_is_whole
    panels = DASHBOARD.fetch("panels")

    assert_equal panels.map { |panel| panel["id"] }.uniq, panels.map { |panel| panel["id"] }
    places = panels.map { |panel| panel["gridPos"].values_at("x", "y", "w", "h") }
    places.combination(2) { |one, other| refute overlap?(one, other), "#{one} and #{other} overlap" }
    assert(places.all? { |x, _, w, _| x + w <= 24 })
    assert_equal ["${datasource}"], panels.filter_map { |panel| panel.dig("datasource", "uid") }.uniq
    assert_equal %w[datasource job instance worker], DASHBOARD.dig("templating", "list").map { |variable| variable["name"] }
  end

  private

  def overlap?((x1, y1, w1, h1), (x2, y2, w2, h2))
    x1 < x2 + w2 && x2 < x1 + w1 && y1 < y2 + h2 && y2 < y1 + h1
  end

  # What the dashboard asks, variables filled in.
  def expressions
    panels = DASHBOARD["panels"].flat_map { |panel| panel.fetch("targets", []).map { |target| target["expr"] } }
    variables = DASHBOARD.dig("templating", "list").filter_map { |variable| variable.dig("query", "query")[/label_values\((.+), \w+\)/, 1] if variable["query"].is_a?(Hash) }
    (panels + variables).map { |text| text.gsub("$__rate_interval", "1m").gsub(/\$\w+/, ".*") }
  end

  public

  # Real Pumas of two workers under three allocators, scraped by a real Prometheus that was configured as the guide says,
  # and asked what it knows.
  def test_prometheus_scrapes_clusters
    entries = %w[glibc jemalloc mimalloc].to_h { |name| [name, TestAllocators[name]] }
    entries.each_value { |entry| skip entry.missing if entry.missing }
    clusters(entries) do |servers|
      PrometheusServer.run(configuration(servers.values.map(&:port)), files: {"rules.yml" => File.read("#{ROOT}/rules.yml"), "allocstats.token" => TOKEN, "wrong.token" => "wrong"}) do |prometheus|
        assert_scraped prometheus, servers, entries
        assert_true_figures prometheus, servers
        assert_recorded prometheus
        assert_dashboard prometheus
        assert_survives_a_killed_worker prometheus, servers.fetch("jemalloc")
      end
    end
  end

  TOKEN = "of-the-test-of-the-fleet"

  RACKUP = <<~RUBY
    require "allocstats"
    map("/allocator") { run AllocStats::Rack::Endpoint.new(cache_seconds: 0) }
    run ->(_) { [200, {"content-type" => "text/plain"}, [Process.pid.to_s]] }
  RUBY

  # What this test's machine and age may not have: limits that nobody set, and an hour of history.
  ABSENT_HERE = /\Acgroup_|growth|swapped/

  private

  def clusters(entries, servers = {}, &block)
    name, entry = entries.first
    return block.call(servers) unless name
    PumaServer.run(rackup: RACKUP, workers: 2, threads: 2, allocator: entry, config: "require \"allocstats\"\nplugin :allocstats\nAllocStats.start(interval: 0.2)",
      env: {"RACK_ENV" => "production", "ALLOCSTATS_TOKEN" => TOKEN}) do |server|
      clusters(entries.drop(1), servers.merge(name => server), &block)
    end
  end

  # The guide's own, sooner, and the same targets with a token that is not theirs.
  def configuration(ports)
    YAML.load_file("#{ROOT}/prometheus.yml").tap do |config|
      config["global"] = {"scrape_interval" => "500ms", "scrape_timeout" => "500ms", "evaluation_interval" => "500ms"}
      job = config["scrape_configs"].first
      job["scrape_timeout"] = job["scrape_interval"] = "500ms"
      job["static_configs"] = [{"targets" => ports.map { |port| "127.0.0.1:#{port}" }}]
      config["scrape_configs"] << job.merge("job_name" => "stranger", "authorization" => {"credentials_file" => "wrong.token"})
    end
  end

  def assert_scraped(prometheus, servers, entries)
    ports = servers.transform_values(&:port)
    prometheus.soon('up{job="allocstats"} == 1') { |rows| rows.size == ports.size }
    prometheus.soon("count by (instance) (process_resident_memory_bytes) == 2") { |rows| rows.size == ports.size }
    prometheus.soon('up{job="stranger"} == 0') { |rows| rows.size == ports.size }
    assert_empty prometheus.query('{job="stranger",__name__!~"up|scrape_.+"}')
    ports.each do |name, port|
      facts = prometheus.query("allocator_info{instance=\"127.0.0.1:#{port}\"}").map(&:first)
      assert_equal [[name, entries[name].version, "sole"]] * 2, facts.map { |labels| labels.values_at("allocator", "version", "verdict") }
      assert_equal %w[0 1], facts.map { |labels| labels["worker"] }.sort
    end
    assert_types prometheus
    servers.each_value { |server| assert_text server }
  end

  # What somebody with curl sees.
  def assert_text(server)
    answer = server.get("/allocator/metrics", "Authorization" => "Bearer #{TOKEN}")
    output, content = PrometheusServer.promtool("check", "metrics", input: answer.body)

    assert_equal ["200", "text/plain; version=0.0.4; charset=utf-8"], [answer.code, answer["content-type"]]
    assert content, output
    assert_equal "401", server.get("/allocator/metrics").code
  end

  # Units come by OpenMetrics alone.
  def assert_types(prometheus)
    metadata = prometheus.metadata
    assert_equal({"type" => "gauge", "unit" => "bytes", "help" => AllocStats.figures[:rss].definition}, metadata["process_resident_memory_bytes"])
    assert_equal "counter", (metadata["allocator_purges_total"] || metadata["allocator_purges"])["type"]
    assert_equal "info", (metadata["allocator_info"] || metadata["allocator"])["type"]
  end

  # Resident sets as the kernel has them, and PSS below their sum, since the workers share what they were forked with.
  def assert_true_figures(prometheus, servers)
    servers.each do |name, server|
      kernel = server.children.sum { |pid| File.read("/proc/#{pid}/status")[/^VmRSS:\s+(\d+)/, 1].to_i * 1024 }
      rss = prometheus.query("sum(process_resident_memory_bytes{instance=\"127.0.0.1:#{server.port}\"})").first.last
      pss = prometheus.soon("sum(process_proportional_memory_bytes{instance=\"127.0.0.1:#{server.port}\"})").first.last
      assert_in_delta kernel, rss, kernel * 0.25, name
      assert_operator pss, :<, rss, name
    end
  end

  def assert_recorded(prometheus)
    prometheus.soon("instance:process_resident_memory_bytes:sum") { |rows| rows.size == 3 }
    prometheus.soon("worker:allocator_kept:ratio") { |rows| rows.size >= 2 }
    names = prometheus.rules.map { |rule| rule["name"] }
    assert_equal RULES.map { |rule| rule["alert"] || rule["record"] }.sort, names.sort
    assert_empty prometheus.rules.reject { |rule| rule["health"] == "ok" }.map { |rule| rule.slice("name", "lastError") }
  end

  # Everything that it asks is understood, and answered but for what there cannot be here.
  def assert_dashboard(prometheus)
    unanswered = expressions.reject { |expression| [expression, *expression.scan(OURS)].any?(ABSENT_HERE) || prometheus.query(expression).any? }
    seen = prometheus.query('group by (__name__) ({job="allocstats"})').map { |labels, _| labels["__name__"] }
    measured = expressions.flat_map { |text| text.scan(OURS) }.uniq.grep_v(ABSENT_HERE)

    assert_empty measured - seen
    unanswered.each { |expression| prometheus.soon(expression) } # a rate is one of two scrapes
  end

  # The other one goes on answering, for both; the one that takes its place counts from 0.
  def assert_survives_a_killed_worker(prometheus, server)
    where = "instance=\"127.0.0.1:#{server.port}\""
    prometheus.soon("min(allocstats_worker_samples_total{#{where}}) > 5")
    Process.kill(:KILL, server.children.first)
    prometheus.soon("sum(resets(allocstats_worker_samples_total{#{where}}[1m])) == 1")
    prometheus.soon("sum(allocstats_worker_up{#{where}}) == 2")
    assert_equal %w[0 1], prometheus.query("process_resident_memory_bytes{#{where}}").map { |labels, _| labels["worker"] }.sort
  end
end
