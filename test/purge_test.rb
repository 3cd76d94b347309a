# frozen_string_literal: true

require "test_helper"

class PurgeTest < Minitest::Test
  # Five threads of a pool that have worked, thrown everything away and wait.
  POOL = <<~RUBY
    jobs, done = Queue.new, Queue.new
    pool = Array.new(5) { Thread.new { loop { jobs.pop.call; done << true } } }
    work = -> { Array.new(30_000) { |i| "x" * (200 + (i * 37) % 1800) }.clear; nil }
    5.times { jobs << work }
    5.times { done.pop }
    sleep 0.05
  RUBY

  TestAllocators.each do |entry|
    define_method("test_#{entry.key}_gives_back_what_idle_threads_have_thrown_away") do
      skip entry.missing if entry.missing
      purge, again, alive = ChildProcess.ruby(<<~RUBY, allocator: entry).value
        #{POOL}
        purge = AllocStats.purge(gc: true).to_h
        5.times { jobs << work }
        5.times { done.pop }
        [purge, AllocStats.purge(gc: true).to_h, pool.all?(&:alive?)]
      RUBY
      assert alive
      [purge, again].each do |result|
        assert_equal "released", result[:outcome]
        assert_operator result[:released], :>, 5_000_000
        assert_equal result[:before][:rss] - result[:after][:rss], result[:released]
        assert_operator result[:after][:rss], :<, 110_000_000
        assert_operator result[:seconds], :>, 0
        assert_equal "GC.start", result[:steps].first[:name]
        assert_equal "private heap", result[:steps].last[:name]
      end
    end

    next unless entry.name == :mimalloc # the others are purged with the options they have

    define_method("test_#{entry.key}_leaves_the_options_as_they_were") do
      skip entry.missing if entry.missing
      before, after, in_child = ChildProcess.ruby(<<~RUBY, allocator: entry, require: %w[allocstats fiddle]).value
        get = Fiddle::Function.new(Fiddle::Handle::DEFAULT["mi_option_get"], [Fiddle::TYPE_INT], Fiddle::TYPE_LONG)
        options = -> { (0..24).map { |number| get.call(number) } + [get.call(44)] }
        before = options.call
        AllocStats.purge
        AllocStats.safe_point
        after = options.call
        AllocStats::Purge.begin_options
        reader, writer = IO.pipe
        pid = fork { writer.write(Marshal.dump(options.call)); exit!(0) }
        Process.wait(pid)
        writer.close
        in_child = Marshal.load(reader.read)
        AllocStats::Purge.end_options
        [before, after, in_child]
      RUBY
      assert_equal before, after
      assert_equal before, in_child
    end
  end

  def test_what_cannot_be_purged_says_so
    require "support/compiled"
    purge = ChildProcess.ruby("AllocStats.purge.to_h", env: {"LD_PRELOAD" => Compiled.library("whole_shim")}).value
    assert_equal "noop", purge[:outcome]
    assert_match(/unknown cannot be purged; glibc, jemalloc, mimalloc and tcmalloc can/, purge[:reason])
    assert_equal ["private heap"], purge[:steps].map { |step| step[:name] }
  end

  def test_a_purge_without_anything_to_give_says_so
    outcome, reason = ChildProcess.ruby("3.times { AllocStats.purge(gc: true) }; purge = AllocStats.purge; [purge.outcome, purge.reason]").value
    assert_equal "nothing", outcome
    assert_match(/no pages were free/, reason)
  end

  def test_concurrent_purges_are_one
    results = Array.new(8) { Thread.new { AllocStats.purge } }.map(&:value)
    results.each { |result| assert_kind_of AllocStats::Purge, result }
    slow = Queue.new
    flight = AllocStats::Purge::SingleFlight.new
    runs = 0
    threads = Array.new(5) {
      Thread.new {
        flight.run {
          runs += 1
          slow.pop
          runs
        }
      }
    }
    sleep 0.05
    slow << true
    assert_equal [1], threads.map(&:value).uniq
    assert_equal 1, runs
  end

  def test_a_purge_inside_a_purge_is_refused
    flight = AllocStats::Purge::SingleFlight.new
    error = assert_raises(AllocStats::Refused) { flight.run { flight.run { flunk } } }
    assert_match(/inside of a purge/, error.message)
    assert_equal :again, flight.run { :again }
  end

  def test_a_purge_whose_thread_is_killed_does_not_hold_up_the_next
    flight = AllocStats::Purge::SingleFlight.new
    pilot = Thread.new { flight.run { sleep } }
    Thread.pass until pilot.stop?
    waiting = Thread.new { flight.run { :next } }
    sleep 0.02
    pilot.kill
    assert_equal :next, waiting.value
  end

  def test_a_failed_purge_raises_where_it_ran_and_lets_the_next_go
    flight = AllocStats::Purge::SingleFlight.new
    assert_raises(IOError) { flight.run { raise IOError } }
    assert_equal 1, flight.run { 1 }
  end

  def test_a_fork_in_the_middle_of_a_purge
    status = ChildProcess.ruby(<<~RUBY).value
      flight = AllocStats::Purge::SingleFlight.new
      go = Queue.new
      Thread.new { flight.run { go << true; sleep } }
      go.pop
      pid = fork { exit!(flight.run { :mine } == :mine && AllocStats.purge ? 0 : 1) }
      Process.wait2(pid).last.exitstatus
    RUBY
    assert_equal 0, status
  end

  def test_threads_in_every_kind_of_wait
    entry = TestAllocators["mimalloc-3.6.0"]
    skip entry.missing if entry.missing
    reached, still = ChildProcess.ruby(<<~RUBY, allocator: entry).value
      mutex, condition, queue, reader = Mutex.new, ConditionVariable.new, Queue.new, IO.pipe.first
      held = Mutex.new.tap(&:lock)
      busy = true
      waits = {
        queue: -> { queue.pop }, sleep: -> { sleep }, timed: -> { sleep 30 }, condition: -> { mutex.synchronize { condition.wait(mutex) } },
        mutex: -> { held.synchronize {} }, select: -> { IO.select([reader]) }, busy: -> { nil while busy }, process: -> { Process.wait(spawn("sleep 30")) }
      }
      threads = waits.transform_values { |wait| Thread.new { "x" * 100_000; wait.call } }
      sleep 0.2
      reached = threads.transform_values { |thread| AllocStats::Purge.on_thread(thread) }
      still = threads.transform_values { |thread| thread.alive? && thread.status }
      busy = false
      [reached, still]
    RUBY
    %i[queue sleep timed condition mutex select process].each { |wait| assert_equal "purged", reached[wait], wait }
    assert_equal "busy", reached[:busy]
    still.each { |wait, status| assert_equal((wait == :busy) ? "run" : "sleep", status, wait) }
  end

  def test_a_safe_point_honours_a_purge_once
    entry = TestAllocators["mimalloc-2.0.9"]
    skip entry.missing if entry.missing
    points = ChildProcess.ruby("first = AllocStats.safe_point; AllocStats::Purge.ask_threads; [first, AllocStats.safe_point, AllocStats.safe_point]", allocator: entry).value
    assert_equal [false, true, false], points
  end

  def test_purging_while_threads_allocate_and_fork
    TestAllocators.each do |entry|
      next if entry.missing
      survived = ChildProcess.ruby(<<~RUBY, allocator: entry, timeout: 120).value
        stop = false
        threads = Array.new(4) { Thread.new { until stop do Array.new(200) { "x" * rand(5000) }; sleep 0.0005 if rand < 0.1; AllocStats.safe_point end; true } }
        100.times do |i|
          AllocStats.purge
          Process.wait(fork { AllocStats.purge; exit!(0) }) if i % 10 == 0
        end
        stop = true
        threads.all?(&:value)
      RUBY
      assert survived, entry.key
    end
  end

  def test_subscribers_are_told_of_each_purge_once
    result = ChildProcess.ruby(<<~RUBY)
      told = []
      kept = AllocStats::Purge.subscribe { |purge| told << purge }
      AllocStats::Purge.subscribe { raise "of no concern" }
      gone = AllocStats::Purge.subscribe { told << :gone }
      AllocStats::Purge.unsubscribe(gone)
      purge = AllocStats.purge
      threads = Array.new(4) { Thread.new { AllocStats.purge } }.map(&:value)
      [told.first.equal?(purge), told.size == 1 + threads.uniq(&:object_id).size, told.include?(:gone), AllocStats.purges[:count] == told.size, AllocStats.purges[:bytes] == told.sum(&:released)]
    RUBY
    assert_equal [true, true, false, true, true], result.value
    assert_equal ["allocstats: a subscriber to purges has failed: RuntimeError: of no concern"], result.stderr.lines(chomp: true).uniq
    assert_raises(AllocStats::InvalidValue) { AllocStats::Purge.subscribe }
  end

  def test_purges_are_counted_by_process
    counts = ChildProcess.ruby(<<~RUBY).value
      2.times { AllocStats.purge }
      reader, writer = IO.pipe
      Process.wait(fork { AllocStats.purge; writer.write(AllocStats.purges[:count].to_s) })
      writer.close
      [AllocStats.purges[:count], reader.read]
    RUBY
    assert_equal [2, "1"], counts
  end
end
