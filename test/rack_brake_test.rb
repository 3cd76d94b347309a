# frozen_string_literal: true

require "test_helper"
require "stringio"
require "timeout"
require "support/asking"
require "support/child_process"
require "support/puma_server"

# How often something may be changed over HTTP, and what that may cost the server.
class RackBrakeTest < Minitest::Test
  include Asking

  Brake = AllocStats::Rack::Brake

  def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)

  # A run under way in another thread, until the block of the test ends.
  def under_way(brake, question = :purge)
    begun, go = Queue.new, Queue.new
    thread = Thread.new do
      brake.run(question, waiting: 0) do
        begun << true
        go.pop
      end
    end
    begun.pop
    yield thread, go
  ensure
    go << :late
    thread.join
  end

  def test_who_asks_for_the_same_shares_the_answer
    brake = Brake.new(seconds: 60)
    under_way(brake) do |thread, go|
      others = Array.new(2) { Thread.new { brake.run(:purge, waiting: 2) { flunk } } }
      sleep 0.01 until others.all? { |other| other.status == "sleep" }
      go << :done

      assert_equal [[:done, true]] * 2, others.map(&:value)
      assert_equal [:done, false], thread.value
    end
  end

  def test_who_asks_for_something_else_or_finds_no_room_is_sent_away_at_once
    brake = Brake.new(seconds: 7)
    under_way(brake) do
      started = now
      [[:other, 3], [:purge, 0]].each do |question, waiting|
        error = assert_raises(Brake::Later) { brake.run(question, waiting: waiting) { flunk } }
        assert_equal ["another change is under way; ask again in 7 s", 7], [error.message, error.seconds]
      end
      assert_operator now - started, :<, 1
    end
  end

  def test_the_next_one_waits_for_its_time
    brake = Brake.new(seconds: 0.3)
    brake.run(:purge, waiting: 0) { :done }
    error = assert_raises(Brake::Later) { brake.run(:purge, waiting: 0) { flunk } }

    assert_equal 1, error.seconds
    sleep 0.35
    assert_equal [:again, false], brake.run(:purge, waiting: 0) { :again }
  end

  def test_one_that_failed_counts_for_nothing
    brake = Brake.new(seconds: 60)

    assert_raises(AllocStats::InvalidValue) { brake.run(:purge, waiting: 0) { raise AllocStats::InvalidValue, "no" } }
    assert_equal [:done, false], brake.run(:purge, waiting: 0) { :done }
  end

  def test_who_shares_gets_the_same_error
    brake = Brake.new(seconds: 0)
    begun, go = Queue.new, Queue.new
    first = Thread.new { brake.run(:purge, waiting: 0) { begun << true && go.pop && raise(AllocStats::Refused, "no") } }
    first.report_on_exception = false
    begun.pop
    other = Thread.new { brake.run(:purge, waiting: 1) { flunk } }
    other.report_on_exception = false
    sleep 0.01 until other.status == "sleep"
    go << true

    assert_equal ["no", "no"], [first, other].map { |thread| assert_raises(AllocStats::Refused) { thread.value }.message }
  end

  # Whatever ends a change, and wherever: the next one can be made.
  def test_interruptions_leave_it_usable
    brake = Brake.new(seconds: 0)
    stop = Class.new(Exception) # standard:disable Lint/InheritException
    500.times do |i|
      thread = Thread.new { brake.run(:purge, waiting: 0) { sleep 0.0003 } }
      thread.report_on_exception = false
      sleep i * 0.000_002
      (i % 3 == 0) ? thread.kill : thread.raise(stop)
      begin
        thread.join
      rescue stop, Brake::Later
        nil
      end
      assert_equal [i, false], brake.run(i, waiting: 0) { i }
    end
    assert_raises(Timeout::Error) { Timeout.timeout(0.05) { brake.run(:purge, waiting: 0) { sleep } } }
    assert_equal [1, false], brake.run(:purge, waiting: 0) { 1 }
  end

  # What a signal raises comes to the main thread anywhere, also where Thread.handle_interrupt would hold others off.
  def test_signals_leave_it_and_what_is_shared_usable
    told = ChildProcess.ruby(<<~'RUBY', timeout: 60).value
      stop, armed = Class.new(Exception), false
      trap(:USR1) { armed && ((armed = false) || raise(stop)) }
      value, brake = AllocStats::SharedValue.new(seconds: 0) { 1 }, AllocStats::Rack::Brake.new(seconds: 0)
      sender = spawn(RbConfig.ruby, "-e", "loop { Process.kill(:USR1, #{Process.pid}); sleep rand * 0.0004 }", err: File::NULL)
      told, ends = Hash.new(0), Process.clock_gettime(Process::CLOCK_MONOTONIC) + 4
      until Process.clock_gettime(Process::CLOCK_MONOTONIC) > ends
        begin
          armed = true
          loop { [value.value, brake.run(:change, waiting: 0) { 1 }] }
        rescue stop
          nil
        end
        told[Thread.new { [value.value, brake.run(:other, waiting: 0) { 1 }] rescue $!.class.name }.value.inspect] += 1
      end
      Process.kill(:KILL, sender)
      told
    RUBY
    assert_equal ["[1, [1, false]]"], told.keys.map(&:to_s)
    assert_operator told.values.first, :>, 100
  end

  def test_a_child_is_not_held_up_by_its_parents
    brake = Brake.new(seconds: 60)
    under_way(brake) do
      status = Process.wait2(fork { exit!((brake.run(:purge, waiting: 0) { :mine } == [:mine, false]) ? 0 : 1) }).last
      assert_predicate status, :success?
    end
  end

  def test_a_thread_is_left_for_others
    config = Struct.new(:options)
    waiting = [1, 2, 3, 5, 16, nil, "5"].map { |threads| Brake.waiting("puma.config" => config.new({max_threads: threads})) }

    assert_equal [0, 0, 1, 3, 3, 1, 1], waiting
    assert_equal [1, 1], [Brake.waiting({}), Brake.waiting("puma.config" => 1)]
  end

  # Over HTTP.

  def test_purges_have_a_least_distance
    endpoint = endpoint(purge_interval: 60)
    first, second, text, page = [{}, {}, {HTTP_ACCEPT: "text/plain"}, {HTTP_ACCEPT: "text/html"}].map { |env| ask("/purge", method: "POST", endpoint: endpoint, **env) }

    assert_equal [200, 429, 429, 429], [first, second, text, page].map(&:status)
    assert_equal({"error" => "the last one was less than 60 s ago; ask again in 60 s", "retry_after" => 60}, JSON.parse(second.body))
    assert_equal ["60", "application/json; charset=utf-8"], [second["retry-after"], second["content-type"]]
    [text, page].each { |answer| assert_equal ["text/plain; charset=utf-8", "60", "the last one was less than 60 s ago; ask again in 60 s\n"], [answer["content-type"], answer["retry-after"], answer.body] }
    assert_equal 200, ask(endpoint: endpoint).status
  end

  def test_the_distance_is_checked_when_the_endpoint_is_built
    [-1, "5", nil, 1i, 3601, Float::NAN].each { |value| assert_raises(AllocStats::InvalidValue, value.inspect) { endpoint(purge_interval: value) } }
  end

  # The log says who, what and what came of it.
  def test_every_change_has_its_line
    errors = StringIO.new
    closed = endpoint(environment: "production", change_token: "c" * 16, purge_interval: 60)
    token = {endpoint: closed, method: "POST", errors: errors, HTTP_AUTHORIZATION: "Basic #{["ann\e[1m:#{"c" * 16}"].pack("m0")}", HTTP_X_FORWARDED_FOR: "198.51.100.7", **ELSEWHERE}
    ask("/purge", **token, body: '{"gc":true}', type: "application/json")
    ask("/purge", **token)
    ask("/tune", **token, body: '{"profile":"fastest"}', type: "application/json")
    purge, later, tune = errors.string.lines

    assert_match(/\Aallocstats: purge of this worker, gc, asked for by 203\.0\.113\.5 \(for 198\.51\.100\.7, as it says\) by change_token as ann\?\[1m: (released [\d.]+ [KMG]iB|nothing) in \d+ ms/, purge)
    assert_match(/: refused: the last one was less than 60 s ago/, later)
    assert_match(/tune, .*: refused: no profile is named "fastest"|tune of this worker.*: refused: no profile/, tune)
    refute_includes errors.string, "c" * 16
  end
end

# Many purges, on a real Puma.
class RackBrakeServerTest < Minitest::Test
  RACKUP = <<~RUBY
    require "allocstats"
    $garbage = Array.new(400_000) { |i| "x" * (i % 200) }
    AllocStats.start(interval: 0.2)
    run AllocStats::Rack::Endpoint.new(change_token: "of-the-test-of-brakes")
  RUBY
  KEY = {"Authorization" => "Bearer of-the-test-of-brakes"}.freeze

  def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)

  def post(server, body)
    request = Net::HTTP::Post.new("/purge", "Content-Type" => "application/json", **KEY)
    request.body = JSON.generate(body)
    server.request(request)
  end

  # The seconds that each of the live probe's answers takes while the block runs.
  def probed(server)
    stop = false
    probe = Thread.new do
      times = []
      until stop
        started = now
        assert_equal "200", server.get("/health/live").code
        times << now - started
        sleep 0.02
      end
      times
    end
    yield
    stop = true
    probe.value
  end

  def test_two_hundred_purges_keep_no_probe_waiting
    PumaServer.run(rackup: RACKUP, workers: 2, threads: 5) do |server|
      sleep 0.1 until JSON.parse(server.get("/workers.json", KEY).body)["workers"].size == 2
      answers, began = nil, now
      times = probed(server) { answers = Array.new(200) { Thread.new { post(server, workers: "all", gc: true) } }.map(&:value) }
      codes = answers.map(&:code).tally

      assert_operator now - began, :<, 20
      assert_operator times.max, :<, 5, "the live probe waited"
      assert_empty codes.keys - ["200", "429"]
      assert_operator codes.fetch("200"), :>=, 1
      assert_operator server.log.scan(/purge of all workers, gc, .*: worker 0 /).size, :<=, codes.fetch("200")
    end
  end

  # A worker that is stopped answers nobody: who asks all of them is not held for long, and others not at all.
  def test_a_stopped_worker_holds_no_thread_for_long
    PumaServer.run(rackup: RACKUP, workers: 2, threads: 3) do |server|
      sleep 0.1 until JSON.parse(server.get("/workers.json", KEY).body)["workers"].size == 2
      stopped = server.children.last
      Process.kill(:STOP, stopped)
      begin
        took = nil
        times = probed(server) do
          started = now
          answer = post(server, workers: "all")
          took = now - started
          told = JSON.parse(answer.body, symbolize_names: true)
          assert_equal ["200", false], [answer.code, told[:complete]]
          assert_equal "no_answer", told[:answers].find { |one| one[:pid] == stopped }[:outcome]
        end

        assert_operator took, :<, 8
        assert_operator times.max, :<, 2
      ensure
        Process.kill(:CONT, stopped)
      end
    end
  end
end
