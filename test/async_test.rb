# frozen_string_literal: true

require "test_helper"
require "support/puma_server"

# Inside of Async's reactor: one thread, whose fibers take turns wherever one waits. What is called there answers as
# elsewhere, keeps the others waiting no longer than it takes itself, and does not wait for itself.
class AsyncTest < Minitest::Test
  GEMFILE = File.expand_path("../gemfiles/async.gemfile", __dir__)
  # On a machine that is busy with something else.
  SLACK = 0.5

  CALLS = %w[
    AllocStats.sample AllocStats.report.to_s AllocStats.purge AllocStats.purge(gc:true) AllocStats.safe_point AllocStats.measure{"x"*100} AllocStats.ledger
    AllocStats.census AllocStats.health AllocStats.metrics AllocStats.doctor AllocStats.settings AllocStats.workers AllocStats.start(interval:0.05)
    AllocStats.history AllocStats.purge AllocStats.stop
  ].freeze

  REACTOR = <<~RUBY
    require "async"
    def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)

    # What the block answers, and beside it the longest time for which another fiber did not come to run.
    def beside_a_ticker
      Async do |task|
        longest, last = 0.0, now
        ticker = task.async { loop { sleep 0.002; longest, last = [longest, now - last].max, now } }
        sleep 0.02
        answer = yield task
        sleep 0.02
        ticker.stop
        [answer, longest]
      end.wait
    end
  RUBY

  def setup
    missing = PumaServer.missing(GEMFILE)
    skip missing if missing
  end

  def in_reactor(code, **options)
    ChildProcess.ruby("#{REACTOR}; #{code}", env: {"BUNDLE_GEMFILE" => GEMFILE}, require: ["bundler/setup", "allocstats"], timeout: 60, **options).value
  end

  TestAllocators.each do |entry|
    define_method("test_each_call_under_#{entry.key}") do
      skip entry.missing if entry.missing
      calls, longest = in_reactor(<<~RUBY, allocator: entry)
        beside_a_ticker { #{CALLS}.map { |call| begun = now; outcome = eval(call).class.name; taken = now - begun; sleep 0.005; [call, outcome, taken] } }
      RUBY
      assert_equal CALLS, calls.map(&:first)
      assert_operator longest, :<, calls.map(&:last).max + SLACK
    end
  end

  # Each fiber is a caller of its own: those that come while a purge is under way wait for it as threads do.
  def test_purges_of_many_fibers_at_once
    outcomes, = in_reactor("beside_a_ticker { |task| Array.new(10) { task.async { AllocStats.purge.outcome } }.map(&:wait) }")
    assert_empty outcomes - %w[released nothing]
    assert_equal 10, outcomes.size
  end

  def test_what_waits_lets_the_others_run
    outcome, longest = in_reactor("beside_a_ticker { AllocStats.doctor(wait: 1).verdict }")
    refute_nil outcome
    assert_operator longest, :<, 0.9
  end

  # The reactor sleeps in the kernel: a purge from another thread neither waits for it nor disturbs it.
  def test_a_purge_from_another_thread_while_the_reactor_sleeps
    done, ticks = in_reactor(<<~RUBY)
      ticks = 0
      reactor = Thread.new { Async { |task| task.async { 20.times { sleep 0.02; ticks += 1; AllocStats.safe_point } } } }
      sleep 0.1
      done = Array.new(5) { AllocStats.purge.outcome }
      reactor.join
      [done, ticks]
    RUBY
    assert_empty done - %w[released nothing]
    assert_equal 20, ticks
  end
end
