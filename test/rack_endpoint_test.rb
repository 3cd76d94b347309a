# frozen_string_literal: true

require "test_helper"
require "rack"
require "rack/lint"
require "rack/mock"
require "stringio"

# The endpoint as a plain Rack application, every answer of it checked by Rack::Lint.
class RackEndpointTest < Minitest::Test
  LOCAL = {"REMOTE_ADDR" => "127.0.0.1"}.freeze

  def ask(path = "/", method: "GET", endpoint: AllocStats::Rack::Endpoint.new, errors: nil, **env)
    request = Rack::MockRequest.new(Rack::Lint.new(endpoint))
    options = {"rack.errors" => errors, :fatal => false}.compact
    request.request(method, path, LOCAL.merge(env.transform_keys(&:to_s)).merge(options))
  end

  def test_answers_with_what_the_facade_says_of_this_process
    answer = ask
    told = JSON.parse(answer.body, symbolize_names: true)

    assert_equal 200, answer.status
    assert_equal "application/json; charset=utf-8", answer["content-type"]
    assert_equal "no-store", answer["cache-control"]
    assert_equal Process.pid, told[:process][:pid]
    assert_equal RUBY_VERSION, told[:process][:ruby_version]
    assert_equal RUBY_PLATFORM, told[:process][:ruby_platform]
    assert_in_delta Time.now.to_f, Time.iso8601(told[:time]).to_f, 10
    assert_equal AllocStats.allocator.name.to_s, told[:allocator][:name]
    assert_equal AllocStats.allocator.verdict.to_s, told[:allocator][:verdict]
    assert_equal AllocStats.allocator.evidence, told[:allocator][:evidence]
    assert_equal AllocStats.private_heap.allocator, told[:private_heap][:allocator]
  end

  def test_has_every_key_each_time_and_null_for_what_was_not_measured
    told = JSON.parse(ask.body, symbolize_names: true)
    sample = AllocStats.sample

    assert_equal [:allocstats, :time, :process, *AllocStats::Report::PARTS, :absent], told.keys
    assert_equal AllocStats.figures.keys, told[:sample].keys
    assert_equal AllocStats.figures.keys.select { |name| sample[name].nil? }, told[:sample].select { |_, value| value.nil? }.keys
  end

  def test_ledger_sums_to_the_resident_set
    ledger = JSON.parse(ask.body, symbolize_names: true)[:ledger]

    assert_operator ledger[:rss], :>, 1 << 20
    assert_equal ledger[:rss], ledger[:layers].values.compact.sum
  end

  def test_answers_at_the_mount_point_with_and_without_a_slash
    assert_equal 200, ask("/", SCRIPT_NAME: "/allocator").status
    assert_equal 200, ask("/", SCRIPT_NAME: "/allocator", PATH_INFO: "").status
    assert_equal 200, ask("/?pretty=1").status
  end

  def test_gives_the_page_for_a_person
    answer = ask("/report.txt")

    assert_equal "text/plain; charset=utf-8", answer["content-type"]
    assert_includes answer.body, AllocStats.allocator.verdict_sentence[/\S+/]
    assert_includes answer.body, "pid #{Process.pid}"
    refute_includes answer.body, "\e"
  end

  def test_head_is_get_without_the_body
    endpoint = AllocStats::Rack::Endpoint.new
    got, head = ask(endpoint: endpoint), ask(method: "HEAD", endpoint: endpoint)

    assert_equal 200, head.status
    assert_empty head.body
    assert_equal got.headers.to_h, head.headers.to_h
    assert_equal got.body.bytesize.to_s, head["content-length"]
  end

  def test_refuses_to_do_anything_but_read
    ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"].each do |method|
      answer = ask(method: method)

      assert_equal [405, "GET, HEAD"], [answer.status, answer["allow"]], method
      assert_equal({"error" => "method not allowed"}, JSON.parse(answer.body))
    end
  end

  def test_knows_no_other_path
    ["/else", "/report", "/report.txt/", "/../etc/passwd", "/%00", "/#{"a" * 10_000}"].each do |path|
      answer = ask(path)

      assert_equal 404, answer.status, path
      assert_equal({"error" => "not found"}, JSON.parse(answer.body))
    end
  end

  def test_lets_in_clients_on_this_machine
    ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1", "::FFFF:127.0.0.1"].each do |address|
      assert_equal 200, ask(REMOTE_ADDR: address).status, address
    end
  end

  def test_shuts_out_everyone_else
    ["192.168.0.7", "10.0.0.1", "128.0.0.1", "1.127.0.0.1", "127.0.0.1.example.org", "127.0.0.1\n8.8.8.8", "0.0.0.0",
      "::ffff:8.8.8.8", "::2", "2001:db8::1", "localhost", "", "unix"].each do |address|
      assert_equal 403, ask(REMOTE_ADDR: address).status, address.inspect
    end
    assert_equal 403, AllocStats::Rack::Endpoint.new.call("REQUEST_METHOD" => "GET", "PATH_INFO" => "/").first
  end

  def test_a_header_neither_opens_the_door_nor_stays_unseen
    {"HTTP_X_FORWARDED_FOR" => "127.0.0.1", "HTTP_FORWARDED" => "for=127.0.0.1", "HTTP_X_FORWARDED_HOST" => "localhost",
     "HTTP_X_FORWARDED_PROTO" => "https", "HTTP_X_FORWARDED" => "127.0.0.1", "HTTP_X_REAL_IP" => "127.0.0.1",
     "HTTP_VIA" => "1.1 proxy"}.each do |header, value|
      assert_equal 403, ask(:REMOTE_ADDR => "203.0.113.5", header.to_sym => value).status, "#{header} from elsewhere"
      assert_equal 403, ask(header.to_sym => value).status, "#{header} from a proxy on this machine"
    end
    assert_equal 200, ask(HTTP_X_REQUEST_ID: "1").status
  end

  def test_a_stranger_learns_only_that_it_is_forbidden
    answers = [ask(REMOTE_ADDR: "203.0.113.5"), ask("/else", REMOTE_ADDR: "203.0.113.5"), ask(method: "POST", REMOTE_ADDR: "203.0.113.5")]

    assert_equal [[403, %({"error":"forbidden"}\n)]], answers.map { |answer| [answer.status, answer.body] }.uniq
    refute answers.last.headers.key?("allow")
  end

  def test_the_block_decides_when_there_is_one
    endpoint = AllocStats::Rack::Endpoint.new(allow: ->(env) { env["HTTP_AUTHORIZATION"] == "let me in" })

    assert_equal 403, ask(endpoint: endpoint).status
    assert_equal 200, ask(endpoint: endpoint, HTTP_AUTHORIZATION: "let me in", REMOTE_ADDR: "203.0.113.5", HTTP_X_FORWARDED_FOR: "1.2.3.4").status
    assert_raises(AllocStats::InvalidValue) { AllocStats::Rack::Endpoint.new(allow: true) }
  end

  def test_an_exception_inside_does_not_leave
    [RuntimeError, NotImplementedError, NoMemoryError, SystemStackError].each do |error|
      [{report: -> { raise error, "secret" }}, {allow: ->(_) { raise error, "secret" }}].each do |broken|
        errors = StringIO.new
        answer = ask(endpoint: AllocStats::Rack::Endpoint.new(**broken), errors: errors)

        assert_equal [500, %({"error":"internal error"}\n)], [answer.status, answer.body]
        assert_equal "allocstats: no report could be given: #{error}: secret\n", errors.string
      end
    end
  end

  def test_a_host_that_cannot_log_still_gets_its_answer
    endpoint = AllocStats::Rack::Endpoint.new(report: -> { raise "broken" })
    closed = StringIO.new.tap(&:close)

    assert_equal 500, endpoint.call(LOCAL.merge("REQUEST_METHOD" => "GET", "PATH_INFO" => "/", "rack.errors" => closed)).first
    assert_equal 500, endpoint.call(LOCAL.merge("REQUEST_METHOD" => "GET", "PATH_INFO" => "/")).first
  end

  def test_an_exit_is_the_hosts_own_affair
    assert_raises(SystemExit) { ask(endpoint: AllocStats::Rack::Endpoint.new(report: -> { exit })) }
  end

  def test_needs_neither_rack_nor_rails
    code = <<~RUBY
      env = {"REQUEST_METHOD" => "GET", "PATH_INFO" => "/", "REMOTE_ADDR" => "::1"}
      middleware = AllocStats::Rack::Middleware.new(->(_) { [404, {}, []] })
      [AllocStats::Rack::Endpoint.new.call(env)[0], middleware.call(env)[0], defined?(::Rack), defined?(::Rails)]
    RUBY

    assert_equal [200, 404, nil, nil], ChildProcess.ruby(code).value
  end
end
