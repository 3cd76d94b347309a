# frozen_string_literal: true

require "test_helper"
require "stringio"
require "support/asking"

# Who may ask and who may change: closed until opened. Every answer is checked by Rack::Lint.
class RackAccessTest < Minitest::Test
  include Asking

  READ, CHANGE = "r-4f1c9b-0123456789", "c-77aa02-0123456789"
  HEALTH = ["/health", "/health/live", "/health/ready"].freeze
  CLOSED = (AllocStats::Rack::Router::TABLE.keys - HEALTH - [".json"]).map { |path| path.empty? ? "/" : path }.uniq.freeze
  FORBIDDEN = [403, "forbidden"].freeze
  UNAUTHORIZED = [401, "unauthorized"].freeze

  def bearer(token) = {HTTP_AUTHORIZATION: "Bearer #{token}"}

  def basic(text) = {HTTP_AUTHORIZATION: "Basic #{[text].pack("m0")}"}

  def production(**options) = endpoint(environment: "production", **options)

  def purge(endpoint, **env) = ask("/purge", method: "POST", endpoint: endpoint, **env)

  # Production.

  def test_production_is_closed_but_for_the_bare_health
    CLOSED.each { |path| assert_equal FORBIDDEN, refusal(path, endpoint: production), path }
    HEALTH.each { |path| assert_equal [200, %({"status":"pass"})], ask(path, endpoint: production).then { |answer| [answer.status, answer.body.gsub(/\s/, "")] }, path }
    assert_equal FORBIDDEN, refusal("/purge", method: "POST", endpoint: production)
  end

  def test_every_environment_but_development_and_test_is_closed
    ["production", "staging", "Development", "development "].each do |name|
      assert_equal FORBIDDEN, refusal(endpoint: endpoint(environment: name)), name.inspect
    end
    ["", nil].each { |name| assert_equal UNAUTHORIZED, refusal(endpoint: endpoint(environment: name)), name.inspect }
    ["development", "test", :test].each { |name| assert_equal 200, ask(endpoint: endpoint(environment: name)).status }
  end

  # Puma says "development" where nobody has said anything: it opens nothing.
  def test_the_environment_is_what_the_host_says_and_one_that_is_not_local_counts
    {
      {} => 401, {"RACK_ENV" => "development"} => 401, {"RAILS_ENV" => "test"} => 401, {"APP_ENV" => "test", "RACK_ENV" => ""} => 401,
      {"RACK_ENV" => "development", "RAILS_ENV" => "production"} => 403, {"APP_ENV" => "production", "RACK_ENV" => "development"} => 403
    }.each do |variables, status|
      with_env(VARIABLES.to_h { |name| [name, nil] }.merge(variables)) do
        assert_equal status, ask(endpoint: AllocStats::Rack::Endpoint.new(announce: false)).status, variables.inspect
      end
    end
  end

  def test_a_stranger_learns_only_that_it_may_not
    answers = ["/", "/else", "/purge", "/health/else"].product(["GET", "POST", "OPTIONS"]).map { |path, method| ask(path, method: method, endpoint: production) }

    assert_equal [[403, %({"error":"forbidden"}\n)]], answers.map { |answer| [answer.status, answer.body] }.uniq
    refute(answers.any? { |answer| answer.headers.key?("allow") })
  end

  # Tokens.

  def test_a_token_opens_reading_and_no_more
    endpoint = production(token: READ)

    assert_equal 200, ask(endpoint: endpoint, **bearer(READ), **ELSEWHERE).status
    assert_equal 200, ask(endpoint: endpoint, **basic("anyone:#{READ}"), **ELSEWHERE).status
    assert_equal FORBIDDEN, refusal("/purge", method: "POST", endpoint: endpoint, **bearer(READ))
    assert_includes JSON.parse(ask("/health", endpoint: endpoint, **bearer(READ)).body).keys, "checks"
  end

  def test_a_token_for_changes_opens_both
    endpoint = production(token: READ, change_token: CHANGE)

    assert_equal 200, ask(endpoint: endpoint, **bearer(CHANGE)).status
    assert_equal 200, purge(endpoint, **bearer(CHANGE), **ELSEWHERE).status
    assert_equal 200, purge(endpoint, **basic(":#{CHANGE}"), **ELSEWHERE).status
    assert_equal 200, ask(endpoint: production(change_token: CHANGE), **bearer(CHANGE)).status
  end

  def test_no_token_or_another_one_is_asked_for_it
    endpoint = production(token: READ, change_token: CHANGE)
    wrong = ["", "Bearer", "Bearer ", "Bearer x", "Bearer #{READ}x", "Bearer #{READ[0..-2]}", "Bearer #{READ}, Bearer #{READ}", "Bearer #{READ} x",
      "Token #{READ}", READ, "Basic #{READ}", "Basic %%%", "Basic #{[READ].pack("m0")}", "Basic #{["#{READ}:"].pack("m0")}", "Basic #{["a:b:#{READ}"].pack("m0")}",
      "Bearer #{"x" * 5000}", "Bearer \xff\xfe".b, "Bearer #{READ}\0".b]
    [nil, *wrong].each do |header|
      answer = ask(endpoint: endpoint, HTTP_AUTHORIZATION: header)

      assert_equal [401, %({"error":"unauthorized"}\n)], [answer.status, answer.body], header.inspect
      assert_match(/\ABasic realm="allocstats".*Bearer/, answer["www-authenticate"])
      assert_equal 401, purge(endpoint, HTTP_AUTHORIZATION: header).status, header.inspect
    end
  end

  def test_a_token_is_taken_from_no_other_place
    endpoint = production(token: READ)

    ["/?token=#{READ}", "/?access_token=#{READ}", "/?authorization=Bearer+#{READ}"].each { |path| assert_equal UNAUTHORIZED, refusal(path, endpoint: endpoint) }
    [:HTTP_X_TOKEN, :HTTP_X_AUTHORIZATION, :HTTP_COOKIE, :HTTP_PROXY_AUTHORIZATION].each do |header|
      assert_equal UNAUTHORIZED, refusal(:endpoint => endpoint, header => "Bearer #{READ}")
    end
  end

  def test_tokens_come_from_the_environment_too
    with_env("ALLOCSTATS_TOKEN" => READ, "ALLOCSTATS_CHANGE_TOKEN" => " #{CHANGE}\n") do
      assert_equal 200, ask(endpoint: production, **bearer(READ)).status
      assert_equal 200, purge(production, **bearer(CHANGE)).status
      assert_equal 401, ask(endpoint: production(token: "another-token-of-mine"), **bearer(READ)).status
    end
  end

  def test_an_empty_variable_is_no_token
    with_env("ALLOCSTATS_TOKEN" => "", "ALLOCSTATS_CHANGE_TOKEN" => " \n") do
      ["", "Bearer ", "Basic #{[":"].pack("m0")}", "Basic #{["x: "].pack("m0")}"].each do |header|
        assert_equal FORBIDDEN, refusal(endpoint: production, HTTP_AUTHORIZATION: header)
      end
    end
  end

  def test_a_variable_that_cannot_be_a_token_is_told_without_it
    with_env("ALLOCSTATS_TOKEN" => "two words") do
      error = assert_raises(AllocStats::InvalidValue) { production }

      assert_equal "ALLOCSTATS_TOKEN must be a word of printable ASCII without spaces", error.message
    end
  end

  def test_what_is_kept_shows_no_token
    endpoint = production(token: READ, change_token: CHANGE)
    shown = [endpoint.inspect, AllocStats::Rack::Access.new(token: READ).inspect, Marshal.dump(AllocStats::Rack::Token.new(READ, "token")).b].join

    refute_includes shown, READ
    refute_includes shown, CHANGE
  end

  def test_a_token_is_compared_as_a_whole
    token = AllocStats::Rack::Token.new("sesame-open-sesame", "token")

    assert token.matches?("sesame-open-sesame")
    assert token.matches?("sesame-open-sesame".b)
    [nil, "", "sesame-open-sesam", "sesame-open-sesamee", "Sesame-open-sesame", " sesame-open-sesame", "sesame-open-sesame\n"].each { |offered| refute token.matches?(offered), offered.inspect }
  end

  # The application's own rules.

  def test_a_block_opens_reading_and_another_one_changes
    endpoint = production(authenticate: ->(request) { request.get_header("HTTP_X_USER") }, authenticate_changes: ->(request) { request.get_header("HTTP_X_USER") == "root" })

    assert_equal 200, ask(endpoint: endpoint, HTTP_X_USER: "ann").status
    assert_equal FORBIDDEN, refusal("/purge", method: "POST", endpoint: endpoint, HTTP_X_USER: "ann")
    assert_equal 200, purge(endpoint, HTTP_X_USER: "root").status
    assert_equal UNAUTHORIZED, refusal(endpoint: endpoint)
    assert_equal UNAUTHORIZED, refusal("/purge", method: "POST", endpoint: endpoint)
  end

  def test_who_may_change_may_read
    endpoint = production(authenticate_changes: ->(request) { request.get_header("HTTP_X_USER") == "root" })

    assert_equal 200, ask(endpoint: endpoint, HTTP_X_USER: "root").status
    assert_equal UNAUTHORIZED, refusal(endpoint: endpoint, HTTP_X_USER: "ann")
  end

  # Probes have no account: whatever the rule does with them, they get the bare status.
  def test_a_rule_that_fails_or_sends_away_costs_nobody_the_health
    [->(_) { raise "no user" }, ->(_) { throw :warden, "sign in" }, ->(_) { raise NotImplementedError }].each do |rule|
      [{authenticate: rule}, {authenticate_changes: rule}].each do |options|
        errors = StringIO.new
        answer = ask("/health", endpoint: production(**options), errors: errors)

        refute_includes errors.string, "no answer"
        assert_equal [200, ["status"]], [answer.status, JSON.parse(answer.body).keys]
      end
      page = ask(endpoint: production(authenticate: ->(_) { true }, authenticate_changes: rule), HTTP_ACCEPT: "text/html")

      assert_equal [200, false], [page.status, page.body.include?("<form")]
    end
    assert_equal "sign in", catch(:warden) { ask(endpoint: production(authenticate: ->(_) { throw :warden, "sign in" })) }
  end

  def test_a_block_gets_the_frameworks_request
    seen = []
    ask("/report.json?a=1", endpoint: production(authenticate: ->(request) { seen << request.class << request.params["a"] }))

    assert_equal [Rack::Request, "1"], seen
  end

  def test_basic_authentication_by_the_applications_own_block
    check = lambda do |request|
      given = Rack::Auth::Basic::Request.new(request.env)
      given.provided? && given.basic? && given.credentials == ["ann", "pass:word"]
    end
    endpoint = production(authenticate: check)

    assert_equal 200, ask(endpoint: endpoint, **basic("ann:pass:word")).status
    assert_equal 401, ask(endpoint: endpoint, **basic("ann:pass")).status
    assert_match(/\ABasic /, ask(endpoint: endpoint)["www-authenticate"])
  end

  def test_allow_decides_with_the_environment_and_asks_for_no_password
    endpoint = production(allow: ->(env) { env["HTTP_AUTHORIZATION"] == "let me in" })

    assert_equal FORBIDDEN, refusal(endpoint: endpoint)
    assert_equal 200, ask(endpoint: endpoint, HTTP_AUTHORIZATION: "let me in", HTTP_X_FORWARDED_FOR: "1.2.3.4", **ELSEWHERE).status
    assert_equal FORBIDDEN, refusal("/purge", method: "POST", endpoint: endpoint, HTTP_AUTHORIZATION: "let me in")
  end

  def test_what_is_configured_replaces_the_rule_of_this_machine
    assert_equal UNAUTHORIZED, refusal(endpoint: endpoint(token: READ))
    assert_equal UNAUTHORIZED, refusal(endpoint: endpoint(authenticate: ->(_) { false }))
    assert_equal FORBIDDEN, refusal(endpoint: endpoint(allow: ->(_) { false }))
    assert_equal FORBIDDEN, refusal("/purge", method: "POST", endpoint: endpoint(allow: ->(_) { true }))
    assert_equal UNAUTHORIZED, refusal("/purge", method: "POST", endpoint: endpoint(change_token: CHANGE))
  end

  # This machine.

  def test_lets_in_clients_on_this_machine
    ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1", "::FFFF:127.0.0.1"].each do |address|
      assert_equal 200, ask(REMOTE_ADDR: address).status, address
      assert_equal 200, purge(endpoint, REMOTE_ADDR: address).status, address
    end
  end

  def test_shuts_out_everyone_else
    ["192.168.0.7", "10.0.0.1", "128.0.0.1", "1.127.0.0.1", "127.0.0.1.example.org", "127.0.0.1\n8.8.8.8", "0.0.0.0",
      "::ffff:8.8.8.8", "::2", "2001:db8::1", "localhost", "", "unix"].each do |address|
      assert_equal UNAUTHORIZED, refusal(REMOTE_ADDR: address), address.inspect
    end
    assert_equal 401, endpoint.call("REQUEST_METHOD" => "GET", "PATH_INFO" => "/").first
  end

  def test_a_header_neither_opens_the_door_nor_stays_unseen
    {"HTTP_X_FORWARDED_FOR" => "127.0.0.1", "HTTP_FORWARDED" => "for=127.0.0.1", "HTTP_X_FORWARDED_HOST" => "localhost",
     "HTTP_X_FORWARDED_PROTO" => "https", "HTTP_X_FORWARDED" => "127.0.0.1", "HTTP_X_REAL_IP" => "127.0.0.1",
     "HTTP_VIA" => "1.1 proxy"}.each do |header, value|
      assert_equal 401, ask(:REMOTE_ADDR => "203.0.113.5", header.to_sym => value).status, "#{header} from elsewhere"
      assert_equal 401, ask(header.to_sym => value).status, "#{header} from a proxy on this machine"
    end
    assert_equal 200, ask(HTTP_X_REQUEST_ID: "1").status
  end

  # DNS rebinding: the browser is on this machine, the page that it shows is not.
  def test_a_name_that_is_not_this_machines_shuts_the_door
    ["localhost", "localhost:3000", "LOCALHOST.", "app.localhost:80", "127.0.0.1", "127.1.2.3:9292", "[::1]", "[::1]:3000"].each do |host|
      assert_equal 200, ask(HTTP_HOST: host).status, host
    end
    ["evil.example", "evil.example:3000", "localhost.evil.example", "evillocalhost", "127.0.0.1.evil.example", "127.0.0.1,evil.example",
      "evil.example#localhost", "localhost:3000@evil.example", "localhost\nevil.example", "[::1]evil", "[::2]", "192.168.0.7:3000", ""].each do |host|
      env = env_for("/").merge("HTTP_HOST" => host)

      assert_equal 401, endpoint.call(env).first, host
      assert_equal 401, endpoint.call(env.merge("REQUEST_METHOD" => "POST", "PATH_INFO" => "/purge")).first, host
    end
  end
end
