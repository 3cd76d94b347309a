# frozen_string_literal: true

require "test_helper"
require "support/under_each"

# What malloc gave to a request, in its answer's header: under jemalloc, which counts it, and under others, which do not.
module RackServerTimingTests
  # `get` sends one request through the middleware, to an application with these headers, which allocates `bytes`.
  HELP = <<~RUBY
    require "rack"
    require "rack/lint"
    require "rack/mock"
    def get(headers = {"content-type" => "text/plain"}, bytes: 2_000_000)
      app = ->(_) { "x" * bytes; [200, headers, ["hello"]] }
      AllocStats::Rack::ServerTiming.new(app).call({})
    end
  RUBY

  def run_child(code) = child(HELP + code, bundler: true)
end

class RackServerTimingUnderJemallocTest < Minitest::Test
  include RackServerTimingTests
  include UnderEach

  ENTRY = TestAllocators["jemalloc-5.3.0"]

  # The bytes of an entry.
  def bytes(entry) = Integer(entry[/\Amalloc;desc="(\d+) B"\z/, 1])

  def test_counts_what_the_request_took
    small, large = run_child("get(bytes: 10); [get(bytes: 10), get].map { |_, headers, _| headers['server-timing'] }")

    assert_includes 2_000_000..2_300_000, bytes(large) - bytes(small)
  end

  def test_is_one_entry_among_others
    others = run_child(<<~RUBY)
      [get({"server-timing" => "db;dur=3.2"}), get({"server-timing" => "db;dur=3.2"}.freeze), get(Rack::Headers["Server-Timing" => "db;dur=3.2"])].map { |answer| answer[1]["server-timing"] }
    RUBY

    others.each { |entry| assert_match(/\Adb;dur=3\.2, malloc;desc="\d{7} B"\z/, entry) }
  end

  def test_frozen_headers_stay_as_they_are
    untouched, given, body = run_child("given = {'content-type' => 'text/plain'}.freeze; answer = get(given); [given.size, answer[1], answer[2]]")

    assert_equal [1, "text/plain", ["hello"]], [untouched, given[:"content-type"], body]
    assert_operator bytes(given[:"server-timing"]), :>=, 2_000_000
  end

  def test_keeps_to_the_specification
    status, entry = run_child(<<~RUBY)
      app = ->(_) { [200, {"content-type" => "text/plain"}, ["hello"]] }
      answer = Rack::MockRequest.new(Rack::Lint.new(AllocStats::Rack::ServerTiming.new(Rack::Lint.new(app)))).get("/")
      [answer.status, answer["server-timing"]]
    RUBY

    assert_equal 200, status
    assert_operator bytes(entry), :>, 0
  end

  def test_what_the_application_raises_passes
    assert_equal ["RuntimeError", "no", "none"], run_child(<<~RUBY)
      begin
        AllocStats::Rack::ServerTiming.new(->(_) { raise "no" }).call({})
      rescue => error
        [error.class.name, error.message, catch(:none) { AllocStats::Rack::ServerTiming.new(->(_) { throw :none, "none" }).call({}) }]
      end
    RUBY
  end

  def test_holds_while_the_collector_works
    assert_equal 20, run_child("AllocStats::Rack::ServerTiming; GC.stress = true; answers = Array.new(20) { get(bytes: 10) }; GC.stress = false; answers.count { |answer| answer[1]['server-timing'].start_with?('malloc;desc=') }")
  end
end

class RackServerTimingElsewhereTest < Minitest::Test
  include RackServerTimingTests
  include UnderEach

  ENTRY = TestAllocators["glibc"]

  def test_the_answer_is_as_it_was
    assert_equal true, run_child("answer = [200, {}.freeze, []].freeze; AllocStats::Rack::ServerTiming.new(->(_) { answer }).call({}).equal?(answer)")
  end
end
