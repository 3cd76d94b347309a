# frozen_string_literal: true

require "test_helper"
require "support/asking"
require "support/under_each"

# What changes something over HTTP: where it may come from, what it may hold, and what it answers.
class RackChangeTest < Minitest::Test
  include Asking

  FORM = "application/x-www-form-urlencoded"
  OWN = {HTTP_ORIGIN: "http://localhost:3000"}.freeze
  CROSS = [403, AllocStats::Rack::SameOrigin::REASON].freeze

  def post(path = "/purge", **options) = ask(path, method: "POST", **options)

  def purge_status(**options) = post(**options).status

  # What comes back.

  def test_a_purge_answers_as_the_facade_does
    answer = post
    told = JSON.parse(answer.body, symbolize_names: true)

    assert_equal [200, "application/json; charset=utf-8", "no-store"], [answer.status, answer["content-type"], answer["cache-control"]]
    assert_equal AllocStats.purge.to_h.keys, told.keys
    refute_includes told[:steps].map { |step| step[:name] }, "GC.start"
  end

  def test_a_purge_does_what_it_is_asked
    [['{"gc":true}', "application/json"], ["gc=1", FORM], ["gc=on", FORM], ["workers=this&gc=true", FORM]].each do |body, type|
      told = JSON.parse(post(body: body, type: type, **OWN).body, symbolize_names: true)

      assert_includes told.fetch(:steps).map { |step| step[:name] }, "GC.start", body
    end
    steps = JSON.parse(post(body: '{"compact":true}', type: "application/json").body)["steps"].map { |step| step["name"] }

    assert_includes steps, "GC.compact" if GC.respond_to?(:compact)
  end

  def test_a_purge_of_all_answers_for_each_worker
    told = JSON.parse(post(body: "workers=all", type: FORM, **OWN).body, symbolize_names: true)

    assert_equal AllocStats.workers.map(&:pid), told[:answers].map { |answer| answer[:pid] }
    assert_equal ["released", "nothing"] & told[:answers].map { |answer| answer[:outcome] }, told[:answers].map { |answer| answer[:outcome] }
  end

  def test_a_form_in_a_browser_gets_the_page_with_what_came_of_it
    before = AllocStats.purges[:count]
    answer = post(body: "", type: FORM, HTTP_ACCEPT: "text/html,*/*;q=0.8", HTTP_SEC_FETCH_SITE: "same-origin", **OWN)

    assert_equal [200, "text/html; charset=utf-8"], [answer.status, answer["content-type"]]
    assert_equal before + 1, AllocStats.purges[:count]
    assert_includes answer.body, %(<div class="outcome">)
    refute_includes ask(HTTP_ACCEPT: "text/html").body, %(<div class="outcome">)
  end

  # Where it comes from.

  def test_the_sites_own_page_may
    [OWN, {HTTP_SEC_FETCH_SITE: "same-origin"}, {HTTP_SEC_FETCH_SITE: "same-origin", HTTP_ORIGIN: "null"},
      {HTTP_ORIGIN: "http://LOCALHOST:3000"}, {HTTP_ORIGIN: "http://localhost", HTTP_HOST: "localhost:80"},
      {HTTP_ORIGIN: "http://localhost:80", HTTP_HOST: "localhost"}, {HTTP_ORIGIN: "https://localhost", HTTP_HOST: "localhost:443"},
      {:HTTP_ORIGIN => "https://localhost:3000", "rack.url_scheme" => "https"}].each do |env|
      assert_equal 200, purge_status(body: "gc=0", type: FORM, **env), env.inspect
    end
  end

  def test_a_page_of_another_site_may_not
    purges = AllocStats.purges
    [{HTTP_ORIGIN: "http://evil.example"}, {HTTP_ORIGIN: "null"}, {HTTP_ORIGIN: ""}, {HTTP_ORIGIN: "http://localhost"}, {HTTP_ORIGIN: "http://localhost:3001"},
      {HTTP_ORIGIN: "http://localhost:3000.evil.example"}, {HTTP_ORIGIN: "http://evil.example, http://localhost:3000"}, {HTTP_ORIGIN: "http://evil.example@localhost:3000"},
      {HTTP_ORIGIN: "localhost:3000"}, {HTTP_ORIGIN: "file://localhost:3000"}, {HTTP_ORIGIN: "http://localhost:3000/"}, {HTTP_ORIGIN: "http://localhost:3000\nx"},
      {HTTP_ORIGIN: "http://localhost:3000".b << "\xff".b},
      {HTTP_SEC_FETCH_SITE: "cross-site"}, {HTTP_SEC_FETCH_SITE: "same-site"}, {HTTP_SEC_FETCH_SITE: "none"}, {HTTP_SEC_FETCH_SITE: ""},
      {HTTP_SEC_FETCH_SITE: "same-origin, cross-site"}, {HTTP_SEC_FETCH_SITE: "cross-site", **OWN},
      {:HTTP_ORIGIN => "http://localhost:3000", "rack.url_scheme" => "https"}].each do |env|
      [["gc=1", FORM], ["{}", "application/json"], ["{}", "text/plain"], [nil, nil]].each do |body, type|
        assert_equal CROSS, refusal("/purge", method: "POST", body: body, type: type, **env), [env, type].inspect
      end
    end
    assert_equal purges, AllocStats.purges
  end

  # Which encoding a server gives its strings is its own affair.
  def test_headers_that_are_no_text
    post = env_for("/purge").merge("REQUEST_METHOD" => "POST")
    {
      "HTTP_ORIGIN" => ["http://\xff", 403], "CONTENT_TYPE" => ["application/json\xff", 403], "HTTP_SEC_FETCH_SITE" => ["\xff", 403],
      "HTTP_HOST" => ["localhost\xff", 401], "REMOTE_ADDR" => ["127.0.0.1\xff", 401] # not proven to be of this machine
    }.each { |name, (value, status)| assert_equal status, endpoint.call(post.merge(name => value)).first, name }
    assert_equal 200, endpoint.call(post.merge("HTTP_AUTHORIZATION" => "Bearer \xff", "HTTP_ACCEPT" => "\xff", "HTTP_HOST" => nil, "HTTP_ORIGIN" => nil)).first
  end

  def test_a_form_that_does_not_say_where_it_comes_from_may_not
    assert_equal CROSS, refusal("/purge", method: "POST", body: "gc=1", type: FORM)
    assert_equal CROSS, refusal("/purge", method: "POST", body: "", type: FORM)
    assert_equal CROSS, refusal("/purge", method: "POST", body: "{}", type: "text/plain; application/json")
    assert_equal CROSS, refusal("/purge", method: "POST", body: "{}", type: "application/json, text/plain")
  end

  def test_a_program_may
    token = {endpoint: endpoint(environment: "production", change_token: "sesame-open-sesame"), **ELSEWHERE}

    assert_equal 200, purge_status
    assert_equal 200, purge_status(body: "{}", type: "application/json; charset=utf-8")
    assert_equal 200, purge_status(body: "gc=0", type: FORM, HTTP_AUTHORIZATION: "Bearer sesame-open-sesame", **token)
    assert_equal CROSS, refusal("/purge", method: "POST", body: "gc=0", type: FORM, HTTP_AUTHORIZATION: "Basic #{[":sesame-open-sesame"].pack("m0")}", **token)
    assert_equal 200, purge_status(body: "{}", type: "application/json", HTTP_AUTHORIZATION: "Basic #{[":sesame-open-sesame"].pack("m0")}", **token)
  end

  def test_behind_a_proxy_the_name_that_the_browser_asked_for_counts
    env = {endpoint: endpoint(environment: "production", change_token: "sesame-open-sesame"), HTTP_AUTHORIZATION: "Bearer sesame-open-sesame", HTTP_HOST: "10.0.0.7:3000",
           HTTP_X_FORWARDED_HOST: "shop.example", body: "", type: FORM}

    assert_equal 200, purge_status(HTTP_ORIGIN: "https://shop.example", **env)
    assert_equal 403, purge_status(HTTP_ORIGIN: "https://evil.example", **env)
  end

  def test_a_stranger_is_told_nothing_of_origins_and_bodies
    closed = {endpoint: endpoint(environment: "production")}

    assert_equal [403, "forbidden"], refusal("/purge", method: "POST", body: "x" * 100_000, type: "text/plain", HTTP_ORIGIN: "http://evil.example", **closed)
  end

  # What it holds.

  def test_a_bad_body_is_told_what_is_wrong_with_it
    {
      ["{", "application/json"] => [400, /not JSON/], ["", "application/json"] => [200, nil], ["[1]", "application/json"] => [400, /one JSON object/],
      ["null", "application/json"] => [400, /one JSON object/], ["\"gc\"", "application/json"] => [400, /one JSON object/],
      ["{\"gc\":NaN}", "application/json"] => [400, /not JSON/], ["{\"a\":" * 50 + "1" + "}" * 50, "application/json"] => [400, /not JSON/],
      ["{\"gc\":\"\xff\"}", "application/json"] => [400, /not UTF-8/], ["gc=%ff", FORM] => [400, /gc is true or false/],
      ["{\"gc\":1}", "application/json"] => [400, /gc is true or false, not 1/], ["{\"gc\":[]}", "application/json"] => [400, /gc is true or false/],
      ["{\"gcc\":true}", "application/json"] => [400, /no part of a purge is named "gcc"; did you mean gc\?/],
      ["{\"workers\":\"each\"}", "application/json"] => [400, /workers is this or all/], ["{\"workers\":2}", "application/json"] => [400, /workers is this or all/],
      ["gc=1&gc=0", FORM] => [400, /"gc" twice/], ["gc[a]=1", FORM] => [400, /gc is true or false/], ["gc=1&gc[a]=1", FORM] => [400, /twice/],
      ["gc=%zz", FORM] => [400, /gc is true or false/], ["x=1", FORM] => [400, /named "x"/],
      ["{}", "text/plain"] => [415, /must be application/], ["<gc/>", "application/xml"] => [415, /must be application/],
      ["{}", "multipart/form-data; boundary=x"] => [415, /must be application/], ["{}", ""] => [415, /must be application/]
    }.each do |(body, type), (status, sentence)|
      answer = post(body: body, type: type, **OWN)
      error = JSON.parse(answer.body)["error"]

      assert_equal status, answer.status, [body, error].inspect
      sentence ? assert_match(sentence, error) : assert_nil(error)
    end
  end

  def test_a_body_is_read_no_further_than_it_may_be_long
    large = "{\"gc\":\"#{"x" * AllocStats::Rack::Body::LIMIT}\"}"
    endless = Object.new
    endless.define_singleton_method(:read) { |length = nil| length ? "x" * length : raise("all of it") }
    env = env_for("/purge").merge("REQUEST_METHOD" => "POST", "CONTENT_TYPE" => "application/json")

    assert_equal [413, "the body is larger than 16384 bytes"], refusal("/purge", method: "POST", body: large, type: "application/json")
    assert_equal 413, endpoint.call(env.merge("rack.input" => endless)).first
    assert_equal 413, endpoint.call(env.merge("CONTENT_LENGTH" => "99999999999999999999")).first
    assert_equal 200, endpoint.call(env.merge("rack.input" => nil, "CONTENT_LENGTH" => "odd")).first
  end

  # Where the input cannot be read again, as behind Rack::Lint, what the middleware made of it is taken.
  def test_a_form_that_a_middleware_has_read_is_still_known
    [Rack::MethodOverride.new(endpoint), Rack::Lint.new(Rack::MethodOverride.new(endpoint))].each do |stack|
      env = Rack::MockRequest.env_for("/purge", "REQUEST_METHOD" => "POST", :input => "gc=1", "CONTENT_TYPE" => FORM)
      _, _, body = stack.call(env.merge(LOCAL, OWN.transform_keys(&:to_s)))
      text = +""
      body.each { |part| text << part }
      body.close if body.respond_to?(:close)

      assert_includes JSON.parse(text).fetch("steps").map { |step| step["name"] }, "GC.start"
    end
  end

  def test_tuning_checks_before_it_sets
    {
      '{"profile":"fastest"}' => [400, /no profile is named "fastest"/], "{}" => [400, /takes a profile/], '{"profile":7}' => [400, /profile/],
      '{"options":[1]}' => [400, /options must be/], '{"options":{"arena_maxx":1}}' => [400, /did you mean arena_max\?/],
      '{"options":{"arena_max":"many"}}' => [400, /arena_max takes/], '{"options":{"purge_delay":1}}' => [422, /an option of mimalloc/],
      '{"options":{"arena_max":{"a":1}}}' => [400, /arena_max takes|not JSON/], '{"timeout":1,"profile":"balanced"}' => [400, /named "timeout"/]
    }.each do |body, (status, sentence)|
      answer = post("/tune", body: body, type: "application/json")

      assert_equal status, answer.status, "#{body}: #{answer.body}"
      assert_match sentence, JSON.parse(answer.body)["error"], body
    end
  end

  def test_tuning_this_worker_and_all
    code = <<~RUBY
      endpoint = AllocStats::Rack::Endpoint.new(environment: "production", change_token: "sesame-open-sesame", purge_interval: 0)
      ask = lambda do |type, body|
        env = {"REQUEST_METHOD" => "POST", "PATH_INFO" => "/tune", "REMOTE_ADDR" => "127.0.0.1", "HTTP_HOST" => "localhost", "HTTP_ORIGIN" => "http://localhost", "HTTP_AUTHORIZATION" => "Bearer sesame-open-sesame", "CONTENT_TYPE" => type}
        status, _, body = endpoint.call(env.merge("rack.input" => StringIO.new(body)))
        [status, JSON.parse(body.join)]
      end
      require "stringio"
      form = "application/x-www-form-urlencoded"
      [ask.(form, "options[arena_max]=3"), ask.("application/json", '{"profile":"balanced","options":{"arena_max":5}}'), ask.(form, "profile=low_memory&workers=all"), AllocStats.mallopts[:arena_max].set]
    RUBY
    form, json, all, set = ChildProcess.ruby(code).value

    assert_equal [200, {arena_max: 3}], [form[0], form[1][:now]]
    assert_equal [200, {arena_max: 3}, {arena_max: 5}], [json[0], json[1][:before], json[1][:now]]
    assert_equal [200, "low_memory", 1], [all[0], all[1][:own][:profile], all[1][:answers].size]
    assert_equal 1, set
  end
end

# Purging over HTTP under each allocator gives back what can be given back.
module RackPurgeTests
  CODE = <<~RUBY
    endpoint = AllocStats::Rack::Endpoint.new(environment: "production", change_token: "sesame-open-sesame", purge_interval: 0)
    pages = Array.new(200_000) { |i| "x" * (100 + i % 900) }
    pages = nil
    env = {"REQUEST_METHOD" => "POST", "PATH_INFO" => "/purge", "REMOTE_ADDR" => "::1", "HTTP_AUTHORIZATION" => "Bearer sesame-open-sesame", "CONTENT_TYPE" => "application/json"}
    require "stringio"
    status, _, body = endpoint.call(env.merge("rack.input" => StringIO.new('{"gc":true}')))
    [status, JSON.parse(body.join)]
  RUBY

  def test_a_purge_over_http_gives_memory_back
    status, told = child(CODE)

    assert_equal 200, status
    assert_equal "released", told[:outcome]
    assert_operator told[:released], :>, 1 << 20
    assert_equal told[:released], told[:before][:rss] - told[:after][:rss]
  end

  UnderEach.of(self, :glibc, :jemalloc, :mimalloc)
end
