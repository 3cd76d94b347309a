# frozen_string_literal: true

require "test_helper"
require "support/object_count"

# The sampler's thread, each time in a process of its own.
class SamplerTest < Minitest::Test
  # `eventually { ... }` is the block's value as soon as it is true; `in_child { ... }` that of a forked child.
  HELP = <<~RUBY
    def eventually(seconds = 20)
      deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + seconds
      until (value = yield)
        return value if Process.clock_gettime(Process::CLOCK_MONOTONIC) > deadline
        sleep 0.02
      end
      value
    end
    def in_child
      reader, writer = IO.pipe
      pid = fork { reader.close; writer.write(Marshal.dump(yield)); writer.close }
      writer.close
      Marshal.load(reader.read).tap { Process.wait(pid) }
    end
  RUBY

  def child(code, **options)
    ChildProcess.ruby(HELP + code, **options).value
  end

  def test_starts_and_stops
    assert_equal [false, false, true, true, true, true, 1, true, false, 0, false], child(<<~RUBY)
      before = [AllocStats.started?, AllocStats.stop, AllocStats.start, AllocStats.start, AllocStats.started?]
      threads = Thread.list.select { |thread| thread.name == "allocstats" }
      reported = !AllocStats.history.empty?
      [*before, reported, threads.size, AllocStats.stop, AllocStats.started?, AllocStats.history.size, threads[0].alive?]
    RUBY
  end

  def test_takes_samples_at_the_interval
    counts = child("AllocStats.start(interval: 0.05); first = AllocStats.history.size; [first, eventually { AllocStats.history.size > 5 }, AllocStats.history.interval]")
    assert_equal [1, true, 0.05], counts
  end

  def test_is_started_again_with_another_interval
    assert_equal [3600.0, 3600.0, 0.05, true], child(<<~RUBY)
      AllocStats.start(interval: 3600)
      intervals = [AllocStats.history.interval]
      AllocStats.start
      intervals << AllocStats.history.interval
      AllocStats.start(interval: 0.05)
      [*intervals, AllocStats.history.interval, eventually { AllocStats.history.size > 2 }]
    RUBY
  end

  def test_refuses_what_is_no_interval
    ["10", 0, -1, 0.01, 3601, Float::NAN, Complex(1, 1), [], false].each do |interval|
      error = assert_raises(AllocStats::InvalidValue, interval.inspect) { AllocStats.start(interval: interval) }
      assert_match(/seconds from 0\.05 to 3600/, error.message)
    end
    refute AllocStats.started?
  end

  def test_does_not_keep_the_process_from_ending
    result = ChildProcess.ruby("AllocStats.start(interval: 3600); 1")
    assert_operator result.seconds, :<, 30
    assert_empty result.stderr
  end

  def test_leaves_its_slot_however_the_process_ends
    ["exit", "exit(3)", "raise 'x'", "abort", "Thread.list.each { |thread| thread.kill }", "throw :x", "Process.kill(:TERM, $$); sleep"].each do |ending|
      left = child(<<~RUBY)
        AllocStats.start
        $stderr.reopen(File::NULL)
        pid = fork { AllocStats.start; #{ending} }
        Process.wait(pid)
        AllocStats::SharedPage.rows.map { |row| row[:pid] } - [$$]
      RUBY
      assert_empty left, ending
    end
  end

  def test_children_have_their_own
    parent, child, reported = child(<<~RUBY)
      AllocStats.start(interval: 0.05)
      pid, rows = in_child { eventually { AllocStats.workers.size == 2 && AllocStats.history.size > 2 }; [$$, AllocStats.workers.map(&:pid)] }
      [[$$, pid].sort, rows.sort, AllocStats.started?]
    RUBY
    assert_equal parent, child
    assert reported
  end

  def test_children_have_none_where_none_is_wanted
    assert_equal [false, false, false], child(<<~RUBY)
      never = in_child { sleep 0.7; AllocStats.started? }
      AllocStats.start
      AllocStats.stop
      stopped = in_child { sleep 0.7; AllocStats.started? || AllocStats::SharedPage.seated? }
      [never, stopped, Thread.list.any? { |thread| thread.name == "allocstats" }]
    RUBY
  end

  def test_a_child_that_stops_it_does_not_stop_its_parents
    assert_equal [true, true, [true]], child(<<~RUBY)
      AllocStats.start(interval: 0.05)
      in_child { AllocStats.stop }
      size = AllocStats.history.size
      [AllocStats.started?, eventually { AllocStats.history.size > size }, AllocStats.workers.map(&:self?)]
    RUBY
  end

  def test_a_child_that_only_passes_on_never_shows
    assert_equal 1, child("AllocStats.start; 5.times { Process.wait(fork { exit! }) }; AllocStats::SharedPage.rows.size")
  end

  def test_a_daemon_goes_on
    assert_equal [true, true], child(<<~RUBY)
      reader, writer = IO.pipe
      AllocStats.start(interval: 0.05)
      pid = fork do
        Process.daemon(true, true)
        writer.write(Marshal.dump([AllocStats.started?, eventually { AllocStats.history.size > 1 }]))
      end
      writer.close
      Process.wait(pid)
      Marshal.load(reader.read)
    RUBY
  end

  def test_forks_while_it_works
    TestAllocators.each do |entry|
      next if entry.missing
      forks = (entry.name == :glibc) ? 100 : 15
      failed, rows = child(<<~RUBY, allocator: entry)
        AllocStats.start(interval: 0.05)
        stop = false
        turns = 0
        busy = Thread.new { (Array.new(50) { "x" * rand(5000) }; turns += 1; sleep 0.0003) until stop }
        # mimalloc 3 has no hook at forks: where a thread is just beginning, without Ruby's lock and with one of mimalloc's,
        # a child's first thread waits for that one for ever, with and without allocstats.
        sleep 0.01 until turns > 3 && AllocStats.history.size > 1
        failed = (1..#{forks}).count do |i|
          pid = fork do
            AllocStats.start if i.odd?
            ok = AllocStats.started? && AllocStats.workers.any? { |worker| worker.pid == $$ }
            i % 3 == 0 ? exit!(ok ? 0 : 1) : exit(ok ? 0 : 1)
          end
          !Process.wait2(pid).last.success?
        end
        stop = true
        busy.join
        [failed, AllocStats::SharedPage.rows.count { |row| row[:alive] }]
      RUBY
      assert_equal [0, 1], [failed, rows], entry.key
    end
  end

  # At a moment of each call that is not the same twice, by raise, kill and Timeout: afterwards one sampler runs, and stops.
  def test_whatever_interrupts_it
    raised, threads, seats, started, stopped, left = child(<<~RUBY, timeout: 120)
      require "timeout"
      random = Random.new(42)
      raised = 0
      interrupt = lambda do |i, &work|
        thread = Thread.new { work.call }
        thread.report_on_exception = false
        sleep random.rand * 0.003
        (i % 2 == 0) ? thread.kill : thread.raise(Interrupt)
        thread.join
      rescue Interrupt, Timeout::Error
        raised += 1
      end
      150.times do |i|
        interrupt.call(i) { AllocStats.start(interval: [0.05, 60].sample(random: random)) }
        interrupt.call(i + 1) { AllocStats.start } if i % 3 == 0
        interrupt.call(i) { Timeout.timeout(random.rand * 0.002) { AllocStats.stop } } if i % 2 == 0
        Thread.list.each { |thread| thread.raise(Interrupt) if thread.name == "allocstats" } if i % 7 == 0
        Thread.list.each { |thread| thread.kill if thread.name == "allocstats" } if i % 11 == 0
        Process.wait(fork { AllocStats.start; exit!(AllocStats.started? ? 0 : 1) }) if i % 25 == 0
      end
      AllocStats.start(interval: 0.05)
      size = AllocStats.history.size
      eventually { AllocStats.history.size > size + 2 }
      eventually { Thread.list.count { |thread| thread.name == "allocstats" } == 1 }
      threads = Thread.list.count { |thread| thread.name == "allocstats" }
      seats = AllocStats::SharedPage.rows.count { |row| row[:pid] == $$ }
      [raised, threads, seats, AllocStats.started?, AllocStats.stop, AllocStats::SharedPage.rows.count { |row| row[:pid] == $$ }]
    RUBY
    assert_operator raised, :>, 0
    assert_equal [1, 1, true, true, 0], [threads, seats, started, stopped, left]
  end

  def test_an_end_from_elsewhere_is_told
    result = ChildProcess.ruby(<<~RUBY)
      #{HELP}
      AllocStats.start(interval: 0.05)
      Thread.list.find { |thread| thread.name == "allocstats" }.raise(Interrupt, "for the test")
      ended = eventually { !AllocStats.started? }
      [ended, AllocStats.start, AllocStats.history.size > 0]
    RUBY
    assert_equal [true, true, true], result.value
    assert_equal "allocstats: the sampler has ended: Interrupt: for the test\n", result.stderr
  end

  def test_an_error_ends_it_and_is_told_once
    result = ChildProcess.ruby(<<~RUBY)
      #{HELP}
      AllocStats.start(interval: 0.05)
      AllocStats::SharedPage.define_singleton_method(:tick) { raise NoMemoryError, "for the test" }
      [eventually { !AllocStats.started? }, AllocStats.history.size, AllocStats.workers.size]
    RUBY
    assert_equal [true, 0, 1], result.value
    assert_equal "allocstats: the sampler has ended: NoMemoryError: for the test\n", result.stderr
  end

  def test_where_there_can_be_no_more_threads
    result = ChildProcess.ruby(<<~RUBY)
      #{HELP}
      AllocStats::Sampler
      Thread.define_singleton_method(:new) { |*| raise ThreadError, "can't create Thread" }
      [AllocStats.start, AllocStats.started?, AllocStats.workers.size, in_child { AllocStats.started? }]
    RUBY
    assert_equal [false, false, 1, false], result.value
    assert_equal ["allocstats: the sampler has ended: ThreadError: can't create Thread"], result.stderr.lines(chomp: true).uniq
  end

  def test_a_sample_makes_no_ruby_object
    code = "AllocStats.start(interval: 3600); ObjectCount.of(1000) { AllocStats::SharedPage.tick }"
    assert_equal 0, child(code, require: ["allocstats", ObjectCount::FILE])
  end

  def test_the_waiting_thread_gives_its_memory_back_too
    entry = TestAllocators["mimalloc-3.6.0"]
    skip entry.missing if entry.missing
    threads = child(<<~RUBY, allocator: entry)
      AllocStats.start(interval: 3600)
      eventually { Thread.list.find { |thread| thread.name == "allocstats" }.status == "sleep" && AllocStats::SharedPage.own_row[:figures][:pss] }
      sleep 0.1
      given = 0
      safe_point = AllocStats.method(:safe_point)
      AllocStats.define_singleton_method(:safe_point) { safe_point.call.tap { |gave| given += 1 if gave && Thread.current.name == "allocstats" } }
      [AllocStats.purge.threads, eventually { given == 1 }]
    RUBY
    assert_equal [{asked: 1}, true], threads
  end

  def test_what_it_keeps_is_the_private_heaps_or_shared
    held = child(<<~RUBY)
      before = AllocStats.private_heap.held
      AllocStats.start
      [before[:history], AllocStats.private_heap.held[:history]]
    RUBY
    assert_equal [0, 0], held, "the slot is in the shared page"
  end
end
