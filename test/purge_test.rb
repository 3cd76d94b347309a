# frozen_string_literal: true

require "test_helper"

class PurgeTest < Minitest::Test
  # Five threads of a pool that have worked, thrown everything away and wait; each job ends with a safe point, as a request
  # does.
  POOL = <<~RUBY
    jobs, done = Queue.new, Queue.new
    pool = Array.new(5) { Thread.new { loop { jobs.pop.call; AllocStats.safe_point; done << true } } }
    pass_by = -> { busy = Queue.new; 5.times { jobs << -> { busy.pop } }; Thread.pass until busy.num_waiting == 5; 5.times { busy << true }; 5.times { done.pop } }
    work = -> { Array.new(30_000) { |i| "x" * (200 + (i * 37) % 1800) }.clear; nil }
    5.times { jobs << work }
    5.times { done.pop }
    sleep 0.05
  RUBY

  TestAllocators.each do |entry|
    define_method("test_#{entry.key}_gives_back_what_idle_threads_have_thrown_away") do
      skip entry.missing if entry.missing
      rounds, alive = ChildProcess.ruby(<<~RUBY, allocator: entry).value
        #{POOL}
        rounds = Array.new(2) do
          GC.start
          before = AllocStats.sample.rss
          first = AllocStats.purge(gc: true).to_h
          pass_by.call # what is kept for the threads is handed back when they come by
          second = AllocStats.purge(gc: true).to_h
          5.times { jobs << work }
          5.times { done.pop }
          [before, first, second]
        end
        [rounds, pool.all?(&:alive?)]
      RUBY
      assert alive
      rounds.each do |before, first, second|
        assert_operator before - second[:after][:rss], :>, 5_000_000
        assert_operator second[:after][:rss], :<, 110_000_000
        # 2.0.9 keeps all of it for the threads, and gives it back where they hand it back
        assert_includes [first, second].map { |purge| purge[:outcome] }, "released" unless entry.key == "mimalloc-2.0.9"
        [first, second].each do |purge|
          gone = purge[:before][:rss] - purge[:after][:rss]
          assert_equal((gone >= AllocStats::Purge::NOISE) ? gone : 0, purge[:released])
          assert_equal purge[:released].positive?, purge[:outcome] == "released", purge[:reason]
          assert_operator purge[:seconds], :>, 0
          assert_equal "GC.start", purge[:steps].first[:name]
          assert_equal "private heap", purge[:steps].last[:name]
          assert_equal((entry.name == :glibc) ? {} : {asked: 5}, purge[:threads])
          assert_match(/what is kept for 5 other threads follows at each one's next safe point/, purge[:reason]) unless entry.name == :glibc
        end
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
        reader, writer = IO.pipe
        AllocStats::Purge.with_options { Process.wait(fork { writer.write(Marshal.dump(options.call)); exit!(0) }) }
        writer.close
        in_child = Marshal.load(reader.read)
        cut = Thread.new { AllocStats::Purge.with_options { sleep } }
        Thread.pass until cut.stop?
        cut.kill.join
        after = [after, options.call].find { |now| now != before } || after
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
    assert_match(/unknown cannot be purged; jemalloc, mimalloc, tcmalloc and glibc can/, purge[:reason])
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
    flight = AllocStats::SingleFlight.new("a purge")
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
    flight = AllocStats::SingleFlight.new("a purge")
    error = assert_raises(AllocStats::Refused) { flight.run { flight.run { flunk } } }
    assert_match(/inside of a purge/, error.message)
    assert_equal :again, flight.run { :again }
  end

  def test_a_purge_whose_thread_is_killed_does_not_hold_up_the_next
    flight = AllocStats::SingleFlight.new("a purge")
    pilot = Thread.new { flight.run { sleep } }
    Thread.pass until pilot.stop?
    waiting = Thread.new { flight.run { :next } }
    sleep 0.02
    pilot.kill
    assert_equal :next, waiting.value
  end

  def test_a_failed_purge_raises_where_it_ran_and_lets_the_next_go
    flight = AllocStats::SingleFlight.new("a purge")
    assert_raises(IOError) { flight.run { raise IOError } }
    assert_equal 1, flight.run { 1 }
  end

  def test_a_fork_in_the_middle_of_a_purge
    status = ChildProcess.ruby(<<~RUBY).value
      flight = AllocStats::SingleFlight.new("a purge")
      go = Queue.new
      Thread.new { flight.run { go << true; sleep } }
      go.pop
      pid = fork { exit!(flight.run { :mine } == :mine && AllocStats.purge ? 0 : 1) }
      Process.wait2(pid).last.exitstatus
    RUBY
    assert_equal 0, status
  end

  # Whatever a thread waits in, it may be inside malloc there: nothing of ours interrupts it or runs on it.
  def test_no_other_thread_is_reached_into
    entry = TestAllocators["mimalloc-3.6.0"]
    skip entry.missing if entry.missing
    before, after, asked, statuses = ChildProcess.ruby(<<~RUBY, allocator: entry).value
      mutex, condition, queue, reader = Mutex.new, ConditionVariable.new, Queue.new, IO.pipe
      held = Mutex.new.tap(&:lock)
      waits = [-> { queue.pop }, -> { sleep }, -> { sleep 30 }, -> { mutex.synchronize { condition.wait(mutex) } }, -> { held.synchronize {} }, -> { IO.select(reader.first(1)) }]
      ids = Queue.new
      threads = waits.map { |wait| Thread.new { ids << Thread.current.native_thread_id; "x" * 100_000; wait.call } }
      ids = Array.new(threads.size) { ids.pop }
      handlers = -> { File.readlines("/proc/self/status").grep(/^Sig(Cgt|Ign)/) }
      switches = -> { ids.map { |id| File.read("/proc/self/task/\#{id}/status")[/^voluntary_ctxt_switches:\s+(\d+)/, 1] } }
      sleep 0.1
      before = [handlers.call, switches.call]
      asked = Array.new(20) { AllocStats.purge.threads }.uniq
      [before, [handlers.call, switches.call], asked, threads.map(&:status).uniq]
    RUBY
    assert_equal before, after, "the process's signal handlers, and how often each of the threads was woken"
    assert_equal [{asked: 6}], asked
    assert_equal ["sleep"], statuses
  end

  def test_a_safe_point_honours_a_purge_once
    entry = TestAllocators["mimalloc-2.0.9"]
    skip entry.missing if entry.missing
    points = ChildProcess.ruby(<<~RUBY, allocator: entry).value
      AllocStats.safe_point # may hand back what the process has taken at its start
      first = AllocStats.safe_point
      AllocStats::Purge.ask_threads
      [first, AllocStats.safe_point, AllocStats.safe_point]
    RUBY
    assert_equal [false, true, false], points
  end

  TestAllocators.each do |entry|
    define_method("test_under_#{entry.key}_a_safe_point_hands_back_what_was_taken_since_the_last") do
      skip entry.missing if entry.missing
      points = ChildProcess.ruby(<<~RUBY, allocator: entry).value
        AllocStats.safe_point
        little = (sleep 0.3; AllocStats.safe_point)
        kept = Array.new(3_000) { "x" * 3_000 }
        soon = AllocStats.safe_point # the last look was less than a quarter of a second ago
        sleep 0.3
        much = AllocStats.safe_point
        [little, soon, much, AllocStats.safe_point]
      RUBY
      assert_equal [false, false, entry.name != :glibc, false], points
    end
  end

  def test_the_states_of_many_threads_and_of_forked_children
    entry = TestAllocators["tcmalloc-2.10"]
    skip entry.missing if entry.missing
    ended, child = ChildProcess.ruby(<<~RUBY, allocator: entry, timeout: 120).value
      # more threads than there are states, one after the other and some at once
      2_000.times { Thread.new { AllocStats.safe_point }.join }
      many = Array.new(1_100) { Thread.new { AllocStats.safe_point; Thread.stop; AllocStats.safe_point } }
      Thread.pass until many.all?(&:stop?)
      AllocStats.purge
      many.each(&:run)
      ended = many.map(&:value).tally
      reader, writer = IO.pipe
      Process.wait(fork { AllocStats::Purge.ask_threads; writer.write([AllocStats.safe_point, Thread.new { AllocStats.safe_point; AllocStats::Purge.ask_threads; AllocStats.safe_point }.value].inspect) })
      writer.close
      [ended.map { |point, count| [point.to_s, count] }, reader.read]
    RUBY
    assert_operator ended.to_h.fetch("true"), :>=, 1_000
    assert_equal "[true, true]", child
  end

  def test_a_heap_that_is_shared_is_not_compacted_unless_asked_twice
    refused, done, alone = ChildProcess.ruby(<<~RUBY, require: %w[allocstats json]).value
      alone = AllocStats.purge(compact: true).steps.map(&:name)
      kept = Array.new(300_000) { Object.new }
      reader, writer = IO.pipe
      Process.wait(fork {
        refused = begin
          AllocStats.purge(compact: true)
        rescue AllocStats::Refused => error
          error.message
        end
        done = AllocStats.purge(compact: :even_shared).to_h
        writer.write(JSON.generate([refused, done]))
      })
      writer.close
      [*JSON.parse(reader.read), alone]
    RUBY
    assert_match(/shares \d.* MiB .*compact: :even_shared/, refused)
    assert_includes alone, "GC.compact"
    done.transform_keys!(&:to_sym)
    assert_includes done[:steps].map { |step| step.transform_keys(&:to_sym)[:name] }, "GC.compact"
    before, after = done.values_at(:before, :after).map { |figures| figures.transform_keys(&:to_sym)[:uss] }
    assert_operator after, :>, before, "compacting gives the child pages of its own"
    assert_equal "unshared", done[:outcome]
    assert_match(/more of its own than before/, done[:reason])
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
