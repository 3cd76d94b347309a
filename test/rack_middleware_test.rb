# frozen_string_literal: true

require "test_helper"
require "rack"
require "rack/lint"
require "rack/mock"

class RackMiddlewareTest < Minitest::Test
  THEIRS = [200, {"content-type" => "text/plain"}.freeze, ["theirs"].freeze].freeze

  def get(path, options = {}, env = {})
    stack = Rack::Lint.new(AllocStats::Rack::Middleware.new(Rack::Lint.new(->(_) { [200, {"content-type" => "text/plain"}, ["theirs"]] }), **options))
    Rack::MockRequest.new(stack).get(path, {"REMOTE_ADDR" => "127.0.0.1"}.merge(env))
  end

  def test_answers_its_own_path_and_what_is_below
    assert_equal Process.pid, JSON.parse(get("/allocator").body).dig("process", "pid")
    assert_equal Process.pid, JSON.parse(get("/allocator/").body).dig("process", "pid")
    assert_includes get("/allocator/report.txt").body, "pid #{Process.pid}"
    assert_equal 404, get("/allocator/else").status
  end

  def test_passes_everything_else_on
    ["/", "/allocators", "/allocator.json", "/allocato", "/Allocator", "/x/allocator", "/index?path=/allocator"].each do |path|
      assert_equal "theirs", get(path).body, path
    end
  end

  def test_answers_where_it_is_told_to
    assert_equal 200, get("/internal/malloc", {path: "/internal/malloc/"}).status
    assert_equal "theirs", get("/allocator", {path: "/internal/malloc"}).body
  end

  def test_hands_the_rule_to_the_endpoint
    assert_equal 403, get("/allocator", {}, "REMOTE_ADDR" => "203.0.113.5").status
    assert_equal 200, get("/allocator", {allow: ->(_) { true }}, "REMOTE_ADDR" => "203.0.113.5").status
  end

  def test_leaves_the_environment_as_it_was
    env = Rack::MockRequest.env_for("/allocator", "REMOTE_ADDR" => "127.0.0.1", "SCRIPT_NAME" => "/shop").freeze

    assert_equal 200, AllocStats::Rack::Middleware.new(->(_) { THEIRS }).call(env).first
  end

  def test_refuses_a_path_that_is_none
    ["", "/", "allocator", nil].each do |path|
      error = assert_raises(AllocStats::InvalidValue) { AllocStats::Rack::Middleware.new(->(_) { THEIRS }, path: path) }
      assert_includes error.message, path.inspect
    end
  end

  def test_costs_other_requests_no_object
    middleware = AllocStats::Rack::Middleware.new(->(_) { THEIRS })
    env = Rack::MockRequest.env_for("/products/1")

    assert_equal objects_of(1) { middleware.call(env) }, objects_of(10_000) { middleware.call(env) }
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

  private

  # Objects allocated while the block runs that often, those of the counting included.
  def objects_of(times)
    2.times do
      @before = GC.stat(:total_allocated_objects)
      times.times { yield }
      @after = GC.stat(:total_allocated_objects)
    end
    @after - @before
  end
end
