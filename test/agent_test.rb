# frozen_string_literal: true

require "test_helper"
require "support/object_count"

# The agent's thread, each time in a process of its own.
class AgentTest < Minitest::Test
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
        AllocStats::SharedMemory.rows.map { |row| row[:pid] } - [$$]
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
      stopped = in_child { sleep 0.7; AllocStats.started? || AllocStats::SharedMemory.slot? }
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
    assert_equal 1, child("AllocStats.start; 5.times { Process.wait(fork { exit! }) }; AllocStats::SharedMemory.rows.size")
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
        [failed, AllocStats::SharedMemory.rows.count { |row| row[:alive] }]
      RUBY
      assert_equal [0, 1], [failed, rows], entry.key
    end
  end

  # At a moment of each call that is not the same twice, by raise, kill and Timeout: afterwards one agent runs, and stops.
  def test_whatever_interrupts_it
    raised, threads, slots, started, stopped, left = child(<<~RUBY, timeout: 120)
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
      slots = AllocStats::SharedMemory.rows.count { |row| row[:pid] == $$ }
      [raised, threads, slots, AllocStats.started?, AllocStats.stop, AllocStats::SharedMemory.rows.count { |row| row[:pid] == $$ }]
    RUBY
    assert_operator raised, :>, 0
    assert_equal [1, 1, true, true, 0], [threads, slots, started, stopped, left]
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
    assert_equal "allocstats: the agent has ended: Interrupt: for the test\n", result.stderr
  end

  def test_a_job_that_fails_is_switched_off_alone
    result = ChildProcess.ruby(<<~RUBY)
      #{HELP}
      AllocStats.start(interval: 0.05)
      reader, writer = IO.pipe
      pid = fork { AllocStats.start; reader.read(1); exit!(AllocStats.workers.purge(only: Process.ppid, timeout: 20).complete? ? 0 : 1) }
      sleep 0.01 until AllocStats.workers.size == 2
      AllocStats::SharedMemory.define_singleton_method(:tick) { raise NoMemoryError, "for the test" }
      off = eventually { AllocStats::Agent.current.jobs.off.any? && AllocStats::Agent.current.jobs.off }
      sleep 0.3
      writer.write("x") # the others go on: what another worker asks is done
      answered = Process.wait2(pid)[1].success?
      [AllocStats.started?, off.transform_keys(&:name), answered]
    RUBY
    assert_equal [true, {"AllocStats::Agent::Jobs::Sample": "NoMemoryError: for the test"}, true], result.value
    assert_equal "allocstats: the agent's job AllocStats::Agent::Jobs::Sample is off, since it failed: NoMemoryError: for the test\n", result.stderr
  end

  JOBS = <<~RUBY
    class Counting
      class << self
        attr_accessor :made, :ran, :forks, :due
      end
      self.made = self.ran = self.forks = 0
      self.due = -> { AllocStats::Clock.now }
      def initialize(agent) = (self.class.made += 1; @interval = agent.interval)
      def due_at = self.class.due.call
      def run = self.class.ran += 1
      def forked = self.class.forks += 1
    end
  RUBY

  def test_other_rooms_register_jobs
    before, ran, made, forks, child, after, later = child(<<~RUBY)
      #{JOBS}
      AllocStats.start(interval: 3600)
      before = Counting.ran
      AllocStats::Agent::Jobs.register(Counting)
      eventually { Counting.ran > 2 }
      ran = Counting.ran
      in_child = in_child { Counting.ran = Counting.made = 0; AllocStats.start; eventually { Counting.ran > 2 }; [Counting.made, Counting.ran > 2] }
      AllocStats::Agent::Jobs.unregister(Counting)
      sleep 0.2
      after = Counting.ran
      sleep 0.2
      [before, ran > 2, Counting.made, Counting.forks, in_child, after, Counting.ran]
    RUBY
    assert_equal [0, true, 1, 1], [before, ran, made, forks]
    assert_equal [1, true], child
    assert_equal after, later
  end

  def test_a_job_that_is_always_due_does_not_keep_it_awake
    runs, spent = child(<<~RUBY)
      #{JOBS}
      AllocStats.start(interval: 3600)
      AllocStats::Agent::Jobs.register(Counting)
      cpu = Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID)
      sleep 1
      [Counting.ran, Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID) - cpu]
    RUBY
    assert_operator runs, :<=, 110
    assert_operator spent, :<, 0.5
  end

  def test_what_is_no_time_of_a_job
    ['-> { "soon" }', "-> { raise 'no' }", "-> { Float::NAN }", "-> { nil }", "-> { Float::INFINITY }", "-> { -> {} }"].each do |due|
      started, samples, spent = child(<<~RUBY)
        #{JOBS}
        $stderr.reopen(File::NULL)
        Counting.due = #{due}
        AllocStats::Agent::Jobs.register(Counting)
        AllocStats.start(interval: 0.05)
        size = AllocStats.history.size
        cpu = Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID)
        samples = eventually { AllocStats.history.size > size + 3 }
        [AllocStats.started?, samples, Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID) - cpu]
      RUBY
      assert_equal [true, true], [started, samples], due
      assert_operator spent, :<, 0.4, due
    end
  end

  def test_a_job_that_cannot_be_made
    result = ChildProcess.ruby(<<~RUBY)
      #{HELP}
      broken = Class.new { def self.name = "Broken"; def self.to_s = name; def initialize(_agent) = raise("no") }
      AllocStats::Agent::Jobs.register(broken)
      AllocStats.start(interval: 0.05)
      size = AllocStats.history.size
      eventually { AllocStats.history.size > size + 3 }
      [AllocStats.started?, AllocStats::Agent.current.jobs.off.values]
    RUBY
    assert_equal [true, ["RuntimeError: no"]], result.value
    assert_equal 1, result.stderr.lines.size
  end

  def test_where_there_can_be_no_more_threads
    result = ChildProcess.ruby(<<~RUBY)
      #{HELP}
      AllocStats::Agent
      Thread.define_singleton_method(:new) { |*| raise ThreadError, "can't create Thread" }
      [AllocStats.start, AllocStats.started?, AllocStats.workers.size, in_child { AllocStats.started? }]
    RUBY
    assert_equal [false, false, 1, false], result.value
    assert_equal ["allocstats: the agent has ended: ThreadError: can't create Thread"], result.stderr.lines(chomp: true).uniq
  end

  def test_a_sample_makes_no_ruby_object
    code = "AllocStats.start(interval: 3600); ObjectCount.of(1000) { AllocStats::SharedMemory.tick }"
    assert_equal 0, child(code, require: ["allocstats", ObjectCount::FILE])
  end

  def test_the_waiting_thread_gives_its_memory_back_too
    entry = TestAllocators["mimalloc-3.6.0"]
    skip entry.missing if entry.missing
    threads = child(<<~RUBY, allocator: entry)
      AllocStats.start(interval: 3600)
      eventually { Thread.list.find { |thread| thread.name == "allocstats" }.status == "sleep" && AllocStats::SharedMemory.own_row[:figures][:pss] }
      sleep 0.1
      given = 0
      wait = AllocStats::SharedMemory.method(:wait)
      AllocStats::SharedMemory.define_singleton_method(:wait) { |*arguments| wait.call(*arguments).tap { |gave| given += 1 if gave } }
      AllocStats::SharedMemory.wake
      sleep 0.1
      threads = AllocStats.purge.threads
      sleep 0.1
      AllocStats::SharedMemory.wake # so that the wait that handed it back is over
      [threads, eventually { given >= 1 }]
    RUBY
    assert_equal [{asked: 1}, true], threads
  end

  def test_what_it_keeps_is_the_private_heaps_or_shared
    held = child(<<~RUBY)
      before = AllocStats.private_heap.held
      AllocStats.start
      [before[:history], AllocStats.private_heap.held[:history]]
    RUBY
    assert_equal [0, 0], held, "the slot is in the shared memory"
  end
end
