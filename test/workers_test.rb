# frozen_string_literal: true

require "test_helper"

# Processes that were forked from each other; test/workers_servers_test.rb has real servers.
class WorkersTest < Minitest::Test
  # `family(n) { ... }` runs the block in the parent while n children of it sit in the page; `in_each` is run in those.
  HELP = <<~RUBY
    def family(count, interval: 0.1, in_each: -> {})
      AllocStats.start(interval: interval)
      pipes = Array.new(count) { IO.pipe }
      pids = pipes.map do |reader, writer|
        fork do
          AllocStats.start
          in_each.call
          writer.write("ready")
          sleep
        end
      end
      pipes.each { |reader, _| reader.read(5) }
      yield pids
    ensure
      (pids || []).each { |pid| Process.kill(:KILL, pid) rescue nil }
      Process.waitall
    end
  RUBY

  def child(code, **options)
    ChildProcess.ruby(HELP + code, **options).value
  end

  def test_without_an_agent_there_is_this_process_alone
    workers = AllocStats.workers
    refute workers.shared?
    worker = workers.first
    assert_equal 1, workers.size
    assert_equal [0, Process.pid, true, true, false, 0.0], [worker.index, worker.pid, worker.self?, worker.alive?, worker.stale?, worker.age]
    assert_equal AllocStats.allocator.name.to_s, worker.allocator
    assert_operator worker.figures[:rss], :>, 1 << 20
    assert_operator worker.figures[:pss], :>, 1 << 20
    assert_operator worker.figures[:uss], :<=, worker.figures[:pss]
    assert_equal workers.total[:rss], worker.figures[:rss]
    assert_equal %i[purges purged_bytes samples], worker.counters.keys
    assert_empty worker.history
    assert_equal worker, workers.own
  end

  def test_the_figures_are_those_of_a_sample_and_more
    names = AllocStats.figures.keys + %i[live kept pss uss swap]
    assert_equal names, AllocStats.workers.first.figures.keys
    assert_equal AllocStats.workers.first.figures[:rss].class, AllocStats.workers.first[:rss].class
    assert_raises(AllocStats::UnknownName) { AllocStats.workers.first[:rsss] }
  end

  def test_a_family_sees_each_other
    pids, seen, shared, total, sum, histories = child(<<~RUBY)
      family(3) do |pids|
        sleep 0.1 until AllocStats.workers.all? { |worker| worker.figures[:pss] && worker.history.size > 2 }
        workers = AllocStats.workers
        [[Process.pid, *pids].sort, workers.map(&:pid).sort, workers.shared?, workers.total[:pss], workers.sum { |worker| worker.figures[:pss] },
         workers.map { |worker| worker.history.growth.inspect }]
      end
    RUBY
    assert_equal pids, seen
    assert shared
    assert_equal sum, total
    assert_equal ["nil"], histories.uniq, "a second is too short for a line"
  end

  def test_the_figures_of_others_are_theirs
    rss = child(<<~RUBY)
      family(1, in_each: -> { $kept = "x" * 64_000_000 }) do |pids|
        ours = AllocStats.sample.rss
        sleep 0.1 until (theirs = AllocStats.workers.find { |worker| worker.pid == pids[0] }).figures[:rss] > ours + 50_000_000
        [ours, theirs.figures[:rss], File.read("/proc/\#{pids[0]}/status")[/^VmRSS:\\s+(\\d+)/, 1].to_i * 1024]
      end
    RUBY
    assert_operator rss[1], :>, rss[0] + 50_000_000
    assert_in_delta rss[2], rss[1], 8_000_000
  end

  def test_a_sum_that_one_does_not_know_is_unknown
    workers = AllocStats::Workers.new([{rss: 5, pss: 3}, {rss: 6, pss: nil}].each_with_index.map { |figures, i| AllocStats::Worker.new({slot: i, pid: i + 1, alive: true, figures: figures}) }, shared: true)
    assert_equal({rss: 11, pss: nil, live: nil, kept: nil}, workers.total)
  end

  def test_a_purge_reaches_all_at_once
    answers, seconds, counters = child(<<~RUBY)
      family(3, interval: 3600, in_each: -> { Array.new(200_000) { |i| "x" * (i % 100 + 30) }.clear }) do |pids|
        begun = Process.clock_gettime(Process::CLOCK_MONOTONIC)
        purge = AllocStats.workers.purge(gc: true, timeout: 30)
        seconds = Process.clock_gettime(Process::CLOCK_MONOTONIC) - begun
        raise unless purge.released == purge.answers.sum { |answer| answer[:released] } && purge.complete?
        [purge.answers, seconds, AllocStats.purges]
      end
    RUBY
    assert_equal 4, answers.size
    assert_equal 4, answers.map { |answer| answer[:pid] }.uniq.size
    assert_equal 3, answers.count { |answer| answer[:outcome] == "released" }, answers.inspect
    assert_operator seconds, :<, 25, "the agents' interval is an hour: they were woken"
    assert_equal 1, counters[:count]
  end

  def test_purges_are_counted_for_others_to_see
    counts = child(<<~RUBY)
      family(1) do |pids|
        2.times { AllocStats.workers.purge }
        sleep 0.05 until (worker = AllocStats.workers.find { |one| one.pid == pids[0] }).counters[:purges] == 2
        [worker.counters, AllocStats.workers.own.counters[:purges]]
      end
    RUBY
    assert_equal 2, counts[0][:purges]
    assert_equal 2, counts[1]
    assert_operator counts[0][:purged_bytes], :>=, 0
  end

  def test_one_that_does_not_answer
    answers = child(<<~RUBY)
      family(2) do |pids|
        Process.kill(:STOP, pids[0])
        answers = AllocStats.workers.purge(timeout: 1).answers
        Process.kill(:CONT, pids[0])
        answers.map { |answer| [pids.index(answer[:pid]), answer[:outcome], answer[:reason], answer[:released]] }
      end
    RUBY
    assert_includes answers, [0, "no_answer", "it is stopped, by a signal or a debugger", nil]
    assert_equal 1, answers.count { |_, outcome| outcome == "no_answer" }
  end

  # What holds Ruby's lock in C code, as some extension might: its agent cannot run.
  HOLD = %(require "fiddle"; HOLD = Fiddle::Function.new(Fiddle.dlopen(nil)["sleep"], [Fiddle::TYPE_INT], Fiddle::TYPE_INT, need_gvl: true)\n)

  def test_one_that_is_killed_meanwhile_is_not_waited_for
    seconds, answers = child(<<~RUBY)
      #{HOLD}
      family(2, in_each: -> { Thread.new { HOLD.call(60) } }) do |pids|
        sleep 0.3
        killer = Thread.new { sleep 0.3; pids.each { |pid| Process.kill(:KILL, pid) } }
        begun = Process.clock_gettime(Process::CLOCK_MONOTONIC)
        answers = AllocStats.workers.purge(timeout: 50).answers
        killer.join
        [Process.clock_gettime(Process::CLOCK_MONOTONIC) - begun, answers.map { |answer| answer[:reason] }]
      end
    RUBY
    assert_operator seconds, :<, 40
    assert_includes answers, "it has ended"
  end

  def test_a_stopped_worker_holds_nobody_up
    seconds, reasons, complete, after = child(<<~RUBY)
      family(2) do |pids|
        Process.kill(:STOP, pids[0])
        sleep 0.01 until AllocStats.workers.any?(&:stopped?)
        begun = Process.clock_gettime(Process::CLOCK_MONOTONIC)
        purge = AllocStats.workers.purge(timeout: 50)
        seconds = Process.clock_gettime(Process::CLOCK_MONOTONIC) - begun
        Process.kill(:CONT, pids[0])
        sleep 0.01 while AllocStats.workers.any?(&:stopped?)
        [seconds, purge.answers.map { |answer| answer[:reason] }, purge.complete?, AllocStats.workers.purge(timeout: 20).complete?]
      end
    RUBY
    assert_operator seconds, :<, 10
    assert_includes reasons, "it is stopped, by a signal or a debugger"
    assert_equal [false, true], [complete, after]
  end

  def test_one_whose_agent_cannot_run_is_waited_for_a_moment_only
    seconds, reasons = child(<<~RUBY)
      #{HOLD}
      family(1, in_each: -> { Thread.new { HOLD.call(60) } }) do |pids|
        sleep 0.3
        begun = Process.clock_gettime(Process::CLOCK_MONOTONIC)
        reasons = AllocStats.workers.purge.answers.map { |answer| answer[:reason] }
        [Process.clock_gettime(Process::CLOCK_MONOTONIC) - begun, reasons]
      end
    RUBY
    assert_operator seconds, :<, 9
    assert_includes reasons, "it has not answered in time"
  end

  def test_one_that_has_begun_is_told_from_one_that_has_not
    reasons = child(<<~RUBY)
      family(1, in_each: -> { AllocStats::Purge.define_singleton_method(:run) { |**| sleep } }) do |pids|
        AllocStats.workers.purge(timeout: 1).answers.map { |answer| answer[:reason] }
      end
    RUBY
    assert_includes reasons, "it has begun, and was not done in time"
  end

  def test_one_whose_agent_was_stopped_is_not_waited_for
    seconds, reasons = child(<<~RUBY)
      family(1, in_each: -> { trap(:USR1) { Thread.new { AllocStats.stop } } }) do |pids|
        workers = AllocStats.workers
        Process.kill(:USR1, pids[0])
        sleep 0.01 until AllocStats::SharedMemory.rows.size == 1
        begun = Process.clock_gettime(Process::CLOCK_MONOTONIC)
        reasons = workers.purge(timeout: 50).answers.map { |answer| answer[:reason] }
        [Process.clock_gettime(Process::CLOCK_MONOTONIC) - begun, reasons]
      end
    RUBY
    assert_operator seconds, :<, 10
    assert_includes reasons, "its agent has ended"
  end

  def test_one_alone_is_asked
    answers, counts, by_pid, own, unknown, tuned = child(<<~RUBY)
      family(2) do |pids|
        index = AllocStats.workers.find { |worker| worker.pid == pids[1] }.index
        answers = AllocStats.workers.purge(only: index, timeout: 20).answers
        by_pid = AllocStats.workers.purge(only: pids[0], timeout: 20).answers
        counts = -> { [*pids, $$].map { |pid| AllocStats.workers.fetch(pid).counters[:purges] } }
        sleep 0.05 until counts.call == [1, 1, 0] || (deadline ||= Time.now + 10) < Time.now
        own = AllocStats.workers.purge(only: $$).answers.map { |answer| answer[:pid] == $$ }
        unknown = begin
          AllocStats.workers.purge(only: 4_194_304)
        rescue AllocStats::UnknownName => error
          error.message
        end
        tuned = AllocStats.workers.tune(trim_threshold: 1 << 20, only: pids[0], timeout: 20)
        [answers.map { |answer| [pids.index(answer[:pid]), answer[:outcome] == "no_answer"] }, counts.call.first(2), by_pid.map { |answer| pids.index(answer[:pid]) },
         own, unknown, [tuned.own, tuned.answers.size, tuned.complete?]]
      end
    RUBY
    assert_equal [[1, false]], answers
    assert_equal [1, 1], counts
    assert_equal [0], by_pid
    assert_equal [true], own
    assert_match(/no worker is named 4194304; there are 0, 1, 2/, unknown)
    assert_equal [nil, 1, true], tuned
  end

  def test_a_purge_that_nobody_waits_for
    pending, settled, complete, again, reason = child(<<~RUBY)
      family(2, in_each: -> { purge = AllocStats::Purge.method(:run); AllocStats::Purge.define_singleton_method(:run) { |**options| sleep 0.5; purge.call(**options) } }) do |pids|
        begun = AllocStats.workers.begin_purge(timeout: 20)
        first = begun.poll
        other = AllocStats.workers.purge(timeout: 0).answers.map { |answer| answer[:reason] }
        sleep 0.02 until (last = begun.poll).settled?
        [first.answers.map { |answer| answer[:outcome] }.count("pending"), [first.settled?, last.settled?], [first.complete?, last.complete?],
         AllocStats.workers.purge(timeout: 20).complete?, other]
      end
    RUBY
    assert_equal 2, pending
    assert_equal [false, true], settled
    assert_equal [false, true], complete
    assert again, "the page is free as soon as all have answered"
    assert_includes reason, "another worker's request was under way"
  end

  def test_a_purge_that_nobody_asks_after_ends_by_itself
    complete, seconds = child(<<~RUBY)
      family(1) do |pids|
        AllocStats.workers.begin_purge(timeout: 0.5)
        begun = Process.clock_gettime(Process::CLOCK_MONOTONIC)
        [AllocStats.workers.purge(timeout: 20).complete?, Process.clock_gettime(Process::CLOCK_MONOTONIC) - begun]
      end
    RUBY
    assert complete
    assert_operator seconds, :<, 10
  end

  def test_the_ledger_of_another
    rss, sum, theirs, error = child(<<~RUBY)
      family(1, in_each: -> { $kept = "x" * 64_000_000 }) do |pids|
        workers = AllocStats.workers
        ledger = workers.ledger(pids[0], timeout: 20)
        rss = File.read("/proc/\#{pids[0]}/status")[/^VmRSS:\\s+(\\d+)/, 1].to_i * 1024
        Process.kill(:STOP, pids[0])
        error = begin
          workers.ledger(pids[0])
        rescue AllocStats::Workers::NoAnswer => error
          error.message
        end
        [ledger.rss, ledger.layers.sum { |layer| layer.bytes.to_i }, rss, error]
      end
    RUBY
    assert_in_delta theirs, rss, 8_000_000
    assert_equal rss, sum
    assert_match(/gave no ledger: it is stopped/, error)
    assert_equal AllocStats.ledger.layers.map(&:name), AllocStats.workers.ledger(Process.pid).layers.map(&:name)
  end

  # What a request under way is interrupted by leaves the next one as free as before.
  def test_requests_that_are_interrupted
    complete, raised = child(<<~RUBY, timeout: 120)
      family(1) do |pids|
        raised = 0
        random = Random.new(42)
        60.times do |i|
          thread = Thread.new do
            AllocStats.workers.purge(timeout: 20)
          rescue Interrupt, Timeout::Error
            raised += 1
          end
          thread.report_on_exception = false
          sleep random.rand * 0.004
          (i % 3 == 0) ? thread.kill : thread.raise(Interrupt)
          thread.join rescue raised += 1
        end
        [AllocStats.workers.purge(timeout: 20).complete?, raised]
      end
    RUBY
    assert complete
    assert_operator raised, :>, 0
  end

  # The same at each line and each call of a C function in turn, of begin_purge as well; not the purge itself, which has
  # its own test.
  def test_requests_that_are_cut_short_at_each_moment
    complete, cuts = child(<<~RUBY, timeout: 120)
      class Cut < Exception; end
      def cut_at(event)
        seen = 0
        trace = TracePoint.new(:line, :c_call, :c_return) do
          seen += 1
          next unless seen == event
          trace.disable
          raise Cut
        end
        trace.enable(target_thread: Thread.current) { yield }
        false
      rescue Cut
        true
      end
      family(2) do |pids|
        cuts = 0
        [-> { AllocStats.workers.purge(only: pids[0], timeout: 5) }, -> { AllocStats.workers.begin_purge(only: pids[0], timeout: 0.5).poll.settled? }].each do |call|
          call.call # everything is loaded
          event = 0
          cuts += 1 while cut_at(event += 1, &call)
        end
        [AllocStats.workers.purge(timeout: 20).complete?, cuts]
      end
    RUBY
    assert complete
    assert_operator cuts, :>, 100
  end

  def test_two_that_ask_at_once_are_both_answered
    complete = child(<<~RUBY)
      family(2) do |pids|
        Array.new(4) { Thread.new { AllocStats.workers.purge(timeout: 20).complete? } }.map(&:value)
      end
    RUBY
    assert_equal [true] * 4, complete
  end

  def test_the_killed_are_seen_to_be_dead_and_their_slots_are_taken_again
    alive, stale, slots, after = child(<<~RUBY)
      family(2) do |pids|
        Process.kill(:KILL, pids[0])
        Process.wait(pids[0])
        dead = AllocStats.workers.find { |worker| worker.pid == pids[0] }
        seen = [dead.alive?, dead.stale?]
        before = AllocStats::SharedMemory.rows.size
        others = Array.new(130) { fork { AllocStats.start; sleep } }
        sleep 0.05 until AllocStats::SharedMemory.rows.count { |row| row[:alive] } == 128
        after = AllocStats.workers.none? { |worker| worker.pid == pids[0] }
        others.each { |pid| Process.kill(:KILL, pid) }
        [*seen, before, after]
      end
    RUBY
    assert_equal [false, true, 3, true], [alive, stale, slots, after]
  end

  def test_one_that_only_begins_is_none_that_is_silent
    rows, listed, silent = child(<<~RUBY)
      family(1) do |pids|
        pids << fork { AllocStats::SharedMemory.take_slot(nil); sleep } # as AllocStats.start does before it has reported
        sleep 0.01 until AllocStats::SharedMemory.rows.size == 3
        workers = AllocStats.workers
        [AllocStats::SharedMemory.rows.size, workers.size, workers.count(&:stale?)]
      end
    RUBY
    assert_equal [3, 2, 0], [rows, listed, silent]
  end

  def test_one_that_only_begins_knows_itself
    allocator, rss = child(<<~RUBY)
      AllocStats::SharedMemory.make
      AllocStats::SharedMemory.take_slot(nil)
      own = AllocStats.workers.own
      [own.allocator, own.figures[:rss]]
    RUBY
    assert_equal "glibc", allocator
    assert_operator rss, :>, 0
  end

  def test_tuning_reaches_all
    answers, own, refused = child(<<~RUBY)
      family(2) do
        tuning = AllocStats.workers.tune(trim_threshold: 1 << 20, timeout: 20)
        refused = begin
          AllocStats.workers.tune(no_such_option: 1)
        rescue AllocStats::UnknownName => error
          error.message
        end
        [tuning.answers, tuning.complete?, refused]
      end
    RUBY
    assert_equal ["tuned"] * 3, answers.map { |answer| answer[:outcome] }
    assert own
    assert_match(/no_such_option/, refused)
  end

  def test_what_is_no_timeout
    ["1", nil, -1, Float::NAN].each { |timeout| assert_raises(AllocStats::InvalidValue, timeout.inspect) { AllocStats.workers.purge(timeout: timeout) } }
  end

  def test_as_json
    hash = AllocStats.workers.to_h
    assert_equal %i[shared workers masters total workers_total], hash.keys
    assert_equal Process.pid, hash[:workers][0][:pid]
    assert_equal hash, Marshal.load(Marshal.dump(hash))
    assert_match(/\A#<AllocStats::Workers #<AllocStats::Worker 0 pid #{Process.pid} rss=\d+ pss=\d+>>\z/, AllocStats.workers.inspect)
  end
end
