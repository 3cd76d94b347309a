# frozen_string_literal: true

require "test_helper"
require "support/asking"
require "support/object_count"

class RackMiddlewareTest < Minitest::Test
  THEIRS = [200, {"content-type" => "text/plain"}.freeze, ["theirs"].freeze].freeze

  def middleware(**options) = AllocStats::Rack::Middleware.new(->(_) { THEIRS }, environment: "test", **options)

  def get(path, options = {}, env = {})
    theirs = Rack::Lint.new(->(_) { [200, {"content-type" => "text/plain"}, ["theirs"]] })
    stack = Rack::Lint.new(AllocStats::Rack::Middleware.new(theirs, environment: "test", **options))
    Rack::MockRequest.new(stack).get(path, Asking::LOCAL.merge(env))
  end

  def test_answers_its_own_path_and_what_is_below
    assert_equal Process.pid, JSON.parse(get("/allocator").body).dig("process", "pid")
    assert_equal Process.pid, JSON.parse(get("/allocator/").body).dig("process", "pid")
    assert_equal Process.pid, JSON.parse(get("/allocator.json").body).dig("process", "pid")
    assert_includes get("/allocator/report.txt").body, "pid #{Process.pid}"
    assert_equal 404, get("/allocator/else").status
  end

  def test_passes_everything_else_on
    ["/", "/allocators", "/allocator.jsonp", "/allocator.json/x", "/allocator%2fhealth", "//allocator", "/allocato", "/Allocator", "/x/allocator", "/index?path=/allocator"].each do |path|
      assert_equal "theirs", get(path).body, path
    end
  end

  def test_answers_where_it_is_told_to
    assert_equal 200, get("/internal/malloc", {path: "/internal/malloc/"}).status
    assert_equal "theirs", get("/allocator", {path: "/internal/malloc"}).body
  end

  def test_a_path_is_written_as_people_write_it
    {
      "/größe" => "/gr%C3%B6%C3%9Fe", "/a b?c#d" => "/a%20b%3Fc%23d", "/%41" => "/%41", "/(x)+[y]*.z" => "/(x)+%5By%5D*.z", "/a\nb\0" => "/a%0Ab%00",
      "/\xff".b => "/%FF", "/x//" => "/x/"
    }.each do |path, asked|
      there = middleware(path: path)
      env = {"REQUEST_METHOD" => "GET", "SCRIPT_NAME" => "", **Asking::LOCAL}

      assert_equal 404, there.call(env.merge("PATH_INFO" => "#{asked}/else")).first, path.inspect
      assert_equal 200, there.call(env.merge("PATH_INFO" => "#{asked}/health".b)).first, path.inspect
      assert_equal THEIRS, there.call(env.merge("PATH_INFO" => "/\xC3\xB6".b)), path.inspect
    end
  end

  def test_where_it_is_mounted_is_what_the_page_asks_below
    env = Rack::MockRequest.env_for("/", Asking::LOCAL.dup).merge("SCRIPT_NAME" => "/shop", "PATH_INFO" => "/gr%C3%B6%C3%9Fe", "HTTP_ACCEPT" => "text/html")
    _, _, body = middleware(path: "/größe").call(env)

    assert_includes body.join, %(href="/shop/gr%C3%B6%C3%9Fe/page.css")
  end

  def test_hands_the_rule_to_the_endpoint
    assert_equal 401, get("/allocator", {}, "REMOTE_ADDR" => "203.0.113.5").status
    assert_equal 200, get("/allocator", {allow: ->(_) { true }}, "REMOTE_ADDR" => "203.0.113.5").status
  end

  def test_leaves_the_environment_as_it_was
    env = Rack::MockRequest.env_for("/allocator", "SCRIPT_NAME" => "/shop", **Asking::LOCAL).freeze

    assert_equal 200, middleware.call(env).first
  end

  def test_refuses_a_path_that_is_none
    ["", "/", "//", "//x", "allocator", nil, 1, " /x"].each do |path|
      error = assert_raises(AllocStats::InvalidValue) { middleware(path: path) }
      assert_includes error.message, path.inspect
    end
  end

  def test_costs_other_requests_no_object
    middleware = middleware()
    env = Rack::MockRequest.env_for("/products/1")

    assert_equal 0, ObjectCount.of(10_000) { middleware.call(env) }
  end

  def test_the_end_of_a_request_honours_a_purge
    entry = TestAllocators["mimalloc-3.6.0"]
    skip entry.missing if entry.missing
    left = ChildProcess.ruby(<<~RUBY, allocator: entry).value
      middleware = AllocStats::Rack::Middleware.new(->(env) { env["raise"] ? raise(IOError) : [200, {}, []] })
      [{"PATH_INFO" => "/"}, {"PATH_INFO" => "/", "raise" => true}].map do |env|
        AllocStats::Purge.ask_threads
        middleware.call(env) rescue nil
        AllocStats.safe_point
      end
    RUBY
    assert_equal [false, false], left
  end
end
