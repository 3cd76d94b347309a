# frozen_string_literal: true

require "test_helper"
require "support/asking"
require "stringio"

# What the endpoint answers to who may ask, every answer of it checked by Rack::Lint.
class RackEndpointTest < Minitest::Test
  include Asking

  JSON_PATHS = ["/", "/report.json", "/history.json", "/workers.json", "/census.json", "/settings.json", "/doctor.json"].freeze
  CHANGING = ["/purge", "/tune"].freeze

  def told(path = "/", **options) = JSON.parse(ask(path, **options).body, symbolize_names: true)

  def test_answers_with_what_the_facade_says_of_this_process
    answer = ask
    told = JSON.parse(answer.body, symbolize_names: true)

    assert_equal 200, answer.status
    assert_equal "application/json; charset=utf-8", answer["content-type"]
    assert_equal Process.pid, told[:process][:pid]
    assert_equal RUBY_VERSION, told[:process][:ruby_version]
    assert_equal RUBY_PLATFORM, told[:process][:ruby_platform]
    assert_in_delta Time.now.to_f, Time.iso8601(told[:time]).to_f, 10
    assert_equal AllocStats.allocator.name.to_s, told[:allocator][:name]
    assert_equal AllocStats.allocator.verdict.to_s, told[:allocator][:verdict]
    assert_equal AllocStats.allocator.evidence, told[:allocator][:evidence]
    assert_equal AllocStats.private_heap.allocator, told[:private_heap][:allocator]
    assert_equal AllocStats.settings.to_h[:settings].size, told[:settings][:settings].size
    assert_equal [Process.pid], told[:workers][:workers].map { |worker| worker[:pid] }
    assert_equal "pass", told[:health][:status]
  end

  def test_has_every_key_each_time_and_null_for_what_was_not_measured
    told = told()
    sample = AllocStats.sample

    assert_equal [*AllocStats::Rack::StatusDocument::FLAT, :allocstats, :time, :process, *AllocStats::Report::PARTS, *AllocStats::Rack::StatusDocument::PARTS, :health, :absent], told.keys
    assert_equal AllocStats.figures.keys, told[:sample].keys
    assert_equal AllocStats.figures.keys.select { |name| sample[name].nil? }, told[:sample].select { |_, value| value.nil? }.keys
  end

  def test_has_at_the_top_what_the_process_has_too
    told = told()

    assert_equal told[:process].slice(*AllocStats::Rack::StatusDocument::FLAT), told.slice(*AllocStats::Rack::StatusDocument::FLAT)
    assert_equal [Process.pid, Rack::RELEASE, ENV["LD_PRELOAD"]], told.values_at(:pid, :rack, :ld_preload)
  end

  def test_a_part_that_cannot_be_had_costs_none_of_the_others
    broken = Object.new
    broken.define_singleton_method(:settings) { raise AllocStats::Unsupported, "not here" }
    broken.define_singleton_method(:workers) { raise IOError, "closed\nstream" }
    broken.define_singleton_method(:history) { AllocStats.history }
    broken.define_singleton_method(:host_facts) { {} }
    broken.define_singleton_method(:report) { AllocStats.report }
    broken.define_singleton_method(:health) { nil }
    told = AllocStats::Rack::StatusDocument.new(broken).to_h

    assert_equal [nil, nil, nil], told.values_at(:settings, :workers, :health)
    assert_equal({settings: "not here", workers: "closed (IOError)"}, told[:absent])
    assert_equal AllocStats.history.to_h.keys, told[:history].keys
  end

  def test_tells_nothing_of_the_environment_but_what_is_the_allocators
    with_env("SECRET_KEY_BASE" => "s3cretvalue", "MALLOC_CONF" => "narenas:2", "ALLOCSTATS_TOKEN" => nil) do
      bodies = [*JSON_PATHS, "/report.txt", "/metrics", "/health"].map { |path| ask(path).body }

      assert_equal "narenas:2", told[:malloc_conf]
      refute bodies.any? { |body| body.include?("s3cretvalue") }
    end
  end

  def test_ledger_sums_to_the_resident_set
    ledger = told[:ledger]

    assert_operator ledger[:rss], :>, 1 << 20
    assert_equal ledger[:rss], ledger[:layers].values.compact.sum
  end

  def test_answers_at_the_mount_point_with_and_without_a_slash_and_as_json
    assert_equal 200, ask("/", SCRIPT_NAME: "/allocator").status
    assert_equal 200, ask("/", SCRIPT_NAME: "/allocator", PATH_INFO: "").status
    assert_equal 200, ask("/?pretty=1").status
    json = endpoint.call(env_for("/").merge("PATH_INFO" => ".json"))

    assert_equal [200, "application/json; charset=utf-8"], [json[0], json[1]["content-type"]]
  end

  def test_every_json_is_an_object
    JSON_PATHS.each do |path|
      answer = ask(path)

      assert_equal [200, "application/json; charset=utf-8"], [answer.status, answer["content-type"]], path
      assert_kind_of Hash, JSON.parse(answer.body), path
    end
  end

  def test_the_parts_are_what_the_facade_says
    assert_equal AllocStats.census.figures.keys.map(&:to_s), JSON.parse(ask("/census.json").body)["figures"].keys
    assert_equal AllocStats.workers.to_h.keys.map(&:to_s), JSON.parse(ask("/workers.json").body).keys
    assert_equal AllocStats.history.to_h.keys.map(&:to_s), JSON.parse(ask("/history.json").body).keys
    assert_equal AllocStats.settings.to_h.keys.map(&:to_s), JSON.parse(ask("/settings.json").body).keys
  end

  def test_gives_the_text_for_a_person
    answer = ask("/report.txt")

    assert_equal "text/plain; charset=utf-8", answer["content-type"]
    assert_includes answer.body, AllocStats.allocator.verdict_sentence[/\S+/]
    assert_includes answer.body, "pid #{Process.pid}"
    refute_includes answer.body, "\e"
  end

  def test_a_browser_gets_the_page_and_everything_else_json
    {
      "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8" => "text/html; charset=utf-8",
      "text/html" => "text/html; charset=utf-8",
      "*/*" => "application/json; charset=utf-8",
      nil => "application/json; charset=utf-8",
      "" => "application/json; charset=utf-8",
      "application/json" => "application/json; charset=utf-8",
      "application/json, text/html;q=0.5" => "application/json; charset=utf-8",
      "text/html;q=0" => "application/json; charset=utf-8",
      "a,,;;\xff\x00=".b => "application/json; charset=utf-8"
    }.each do |accept, type|
      answer = ask(HTTP_ACCEPT: accept)

      assert_equal [200, type, "accept"], [answer.status, answer["content-type"], answer["vary"]], accept.inspect
    end
  end

  def test_the_page_and_what_belongs_to_it_keep_its_policy
    page = ask(HTTP_ACCEPT: "text/html")

    assert_includes page.body, AllocStats.allocator.version
    AllocStats::Rack::Page::HEADERS.each { |name, value| assert_equal value, page[name], name }
    assert_equal "text/css; charset=utf-8", ask("/page.css")["content-type"]
    assert_equal "text/javascript; charset=utf-8", ask("/page.js")["content-type"]
  end

  def test_metrics_are_in_the_format_that_is_asked_for
    plain, open = ask("/metrics"), ask("/metrics", HTTP_ACCEPT: "application/openmetrics-text;version=1.0.0,*/*;q=0.1")

    assert_equal [AllocStats::Formats::Prometheus.content_type(:prometheus), "accept"], [plain["content-type"], plain["vary"]]
    assert_equal AllocStats::Formats::Prometheus.content_type(:openmetrics), open["content-type"]
    assert_match(/^process_resident_memory_bytes/, plain.body)
    assert open.body.end_with?("# EOF\n")
  end

  def test_no_answer_is_kept_guessed_at_or_framed
    [ask, ask("/health"), ask("/else"), ask(REMOTE_ADDR: "203.0.113.5"), ask(method: "PUT"), ask("/page.js"), ask(HTTP_ACCEPT: "text/html")].each do |answer|
      assert_equal ["no-store", "nosniff", "same-origin"], ["cache-control", "x-content-type-options", "cross-origin-resource-policy"].map { |name| answer[name] }
      assert_match(/frame-ancestors 'none'/, answer["content-security-policy"])
      assert_match(/default-src 'none'/, answer["content-security-policy"])
      refute(answer.headers.keys.any? { |name| name.start_with?("access-control") })
    end
  end

  def test_what_the_doctor_finds
    told = told("/doctor.json")

    assert_equal %i[target allocator verdict growth summary findings checked unseen], told.keys
    assert_includes told[:checked], "swap"
    assert_equal AllocStats.allocator.title, told[:allocator]
    answer = ask("/doctor.txt")
    assert_equal "text/plain; charset=utf-8", answer["content-type"]
    assert_match(/\AThis process \(#{Process.pid},/, answer.body)
  end

  def test_head_is_get_without_the_body
    [*JSON_PATHS, "/report.txt", "/doctor.txt", "/health", "/page.css"].each do |path|
      endpoint = endpoint()
      got, head = ask(path, endpoint: endpoint), ask(path, method: "HEAD", endpoint: endpoint)

      assert_equal 200, head.status
      assert_empty head.body
      assert_equal(*[got, head].map { |answer| answer.headers.to_h.transform_keys(&:downcase) })
      assert_equal got.body.bytesize.to_s, head["content-length"]
    end
  end

  def test_refuses_other_methods_and_names_those_there_are
    ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PURGE"].each do |method|
      [*JSON_PATHS, "/health", "/health/live", "/metrics"].each do |path|
        answer = ask(path, method: method)

        assert_equal [405, "GET, HEAD"], [answer.status, answer["allow"]], "#{method} #{path}"
        assert_equal({"error" => "method not allowed"}, JSON.parse(answer.body))
      end
    end
  end

  def test_reading_never_changes_anything
    purges = AllocStats.purges
    ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"].product(CHANGING).each do |method, path|
      answer = ask("#{path}?gc=true&_method=post", method: method, HTTP_X_HTTP_METHOD_OVERRIDE: "POST")

      assert_equal [405, "POST"], [answer.status, answer["allow"]], "#{method} #{path}"
    end
    assert_equal purges, AllocStats.purges
  end

  def test_knows_no_other_path
    ["/else", "/report", "/report.txt/", "/../etc/passwd", "/%00", "/health/", "/page.html", "//", "/PURGE", "/#{"a" * 10_000}"].each do |path|
      answer = endpoint.call(env_for("/").merge("PATH_INFO" => path))

      assert_equal [404, [%({"error":"not found"}\n)]], answer.values_at(0, 2), path
    end
  end

  def test_one_reading_serves_for_the_configured_time
    taken = 0
    snapshot = -> { (taken += 1) && AllocStats::Rack::Snapshot.new }
    kept, none = endpoint(snapshot: snapshot, cache_seconds: 60), endpoint(snapshot: snapshot, cache_seconds: 0)

    5.times { |i| ask(["/", "/report.txt", "/report.json"][i % 3], endpoint: kept) }
    assert_equal 1, taken
    3.times { ask(endpoint: none) }
    assert_equal 4, taken
  end

  def test_after_a_change_the_next_reading_is_new
    taken = 0
    endpoint = endpoint(snapshot: -> { (taken += 1) && AllocStats::Rack::Snapshot.new }, cache_seconds: 60)
    ask(endpoint: endpoint)
    ask("/purge", method: "POST", endpoint: endpoint)
    ask(endpoint: endpoint)

    assert_equal 2, taken
  end

  def test_options_are_checked_when_it_is_built
    {
      {cache_seconds: -1} => /cache_seconds/, {cache_seconds: "1"} => /cache_seconds/, {cache_seconds: Float::NAN} => /cache_seconds/,
      {cache_seconds: 1i} => /cache_seconds/, {allow: true} => /allow/, {authenticate: "x"} => /authenticate/,
      {authenticate_changes: 1} => /authenticate_changes/, {token: ""} => /token/, {token: "two words"} => /token/,
      {token: 1} => /token/, {change_token: "\u00e9"} => /change_token/, {health: {expect: :je_malloc}} => /allocator/,
      {health: {rss: {fail: {ratio: "much"}}}} => /ratio/, {health: 1} => /health/, {tokens: "x"} => /tokens/
    }.each do |options, sentence|
      error = assert_raises(AllocStats::Error, options.inspect) { endpoint(**options) }

      assert_match sentence, error.message
    end
  end

  def test_an_exception_inside_does_not_leave
    [RuntimeError, NotImplementedError, NoMemoryError, SystemStackError].each do |error|
      [{snapshot: -> { raise error, "secret" }}, {allow: ->(_) { raise error, "secret" }}, {authenticate: ->(_) { raise error, "secret" }}].each do |broken|
        errors = StringIO.new
        answer = ask(endpoint: endpoint(**broken), errors: errors)

        assert_equal [500, %({"error":"internal error"}\n)], [answer.status, answer.body]
        assert_equal "allocstats: no answer could be given: #{error}: secret\n", errors.string
      end
    end
  end

  def test_a_host_that_cannot_log_still_gets_its_answer
    broken = endpoint(snapshot: -> { raise "broken" })
    closed = StringIO.new.tap(&:close)

    assert_equal 500, broken.call(**LOCAL, "REQUEST_METHOD" => "GET", "PATH_INFO" => "/", "rack.errors" => closed).first
    assert_equal 500, broken.call(**LOCAL, "REQUEST_METHOD" => "GET", "PATH_INFO" => "/").first
  end

  def test_an_exit_is_the_hosts_own_affair
    assert_raises(SystemExit) { ask(endpoint: endpoint(snapshot: -> { exit })) }
  end

  def test_what_the_application_throws_goes_through
    thrown = catch(:warden) { ask(endpoint: endpoint(authenticate: ->(_) { throw :warden, "sign in" })) }

    assert_equal "sign in", thrown
  end

  def test_needs_neither_rack_nor_rails
    code = <<~RUBY
      env = {"REQUEST_METHOD" => "GET", "PATH_INFO" => "/", "REMOTE_ADDR" => "::1"}
      middleware = AllocStats::Rack::Middleware.new(->(_) { [404, {}, []] })
      endpoint = AllocStats::Rack::Endpoint.new(allow: ->(_) { true }, health: {expect: :glibc})
      paths = AllocStats::Rack::Router::TABLE.keys.to_h { |path| [path, endpoint.call(env.merge("PATH_INFO" => path)).first] }
      own = AllocStats::Rack::Endpoint.new(authenticate: ->(request) { request.ip == "::1" && request.get_header("PATH_INFO") == "/" && request.path == "/" })
      [paths.values.tally, middleware.call(env)[0], own.call(env)[0], defined?(::Rack), defined?(::Rails)]
    RUBY

    answered = AllocStats::Rack::Router::TABLE.size - CHANGING.size
    assert_equal [{"200": answered, "405": CHANGING.size}, 404, 200, nil, nil], ChildProcess.ruby(code).value
  end
end
