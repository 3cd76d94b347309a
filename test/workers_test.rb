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

  def test_without_a_sampler_there_is_this_process_alone
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
    assert_operator seconds, :<, 25, "the samplers' interval is an hour: they were woken"
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
    assert_includes answers, [0, "no_answer", "it has not answered in time", nil]
    assert_equal 1, answers.count { |_, outcome| outcome == "no_answer" }
  end

  def test_one_that_is_killed_meanwhile_is_not_waited_for
    seconds, answers = child(<<~RUBY)
      family(2) do |pids|
        Process.kill(:STOP, pids[0])
        killer = Thread.new { sleep 0.3; Process.kill(:KILL, pids[0]) }
        begun = Process.clock_gettime(Process::CLOCK_MONOTONIC)
        answers = AllocStats.workers.purge(timeout: 50).answers
        killer.join
        [Process.clock_gettime(Process::CLOCK_MONOTONIC) - begun, answers.map { |answer| answer[:reason] }]
      end
    RUBY
    assert_operator seconds, :<, 40
    assert_includes answers, "it has ended"
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
        before = AllocStats::SharedPage.rows.size
        others = Array.new(130) { fork { AllocStats.start; sleep } }
        sleep 0.05 until AllocStats::SharedPage.rows.count { |row| row[:alive] } == 128
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
        pids << fork { AllocStats::SharedPage.take_seat(nil); sleep } # as AllocStats.start does before it has reported
        sleep 0.01 until AllocStats::SharedPage.rows.size == 3
        workers = AllocStats.workers
        [AllocStats::SharedPage.rows.size, workers.size, workers.count(&:stale?)]
      end
    RUBY
    assert_equal [3, 2, 0], [rows, listed, silent]
  end

  def test_one_that_only_begins_knows_itself
    allocator, rss = child(<<~RUBY)
      AllocStats::SharedPage.make
      AllocStats::SharedPage.take_seat(nil)
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
    assert_equal %i[shared workers total], hash.keys
    assert_equal Process.pid, hash[:workers][0][:pid]
    assert_equal hash, Marshal.load(Marshal.dump(hash))
    assert_match(/\A#<AllocStats::Workers #<AllocStats::Worker 0 pid #{Process.pid} rss=\d+ pss=\d+>>\z/, AllocStats.workers.inspect)
  end
end
