# frozen_string_literal: true

require "test_helper"

# What comes out of a page is another process's word: of whom it is taken, and what is done with one that makes no sense.
class WorkersTrustTest < Minitest::Test
  # `children(a, b) { |pids| ... }` forks a child for each lambda, waits until each says that it is ready, and ends them.
  HELP = <<~RUBY
    NOBODY = 65534
    def become_nobody
      Process::GID.change_privilege(NOBODY)
      Process::UID.change_privilege(NOBODY)
    end
    def children(*works)
      pids = works.map do |work|
        reader, writer = IO.pipe
        pid = fork do
          reader.close
          work.call
          writer.write("ready")
          sleep
        end
        writer.close
        raise "a child has failed" unless reader.read(5) == "ready"
        pid
      end
      yield pids
    ensure
      (pids || []).each { |pid| Process.kill(:KILL, pid) rescue nil }
      Process.waitall
    end
    # The inode of the page that a process has open.
    def page_of(pid)
      Dir.children("/proc/\#{pid}/fd").filter_map do |name|
        path = "/proc/\#{pid}/fd/\#{name}"
        File.stat(path).ino if File.readlink(path).start_with?("/memfd:allocstats")
      rescue SystemCallError
        nil
      end.first
    end
  RUBY

  def child(code, **options)
    ChildProcess.ruby(HELP + code, **options).value
  end

  def as_root
    skip "only root can be another user for a test" unless Process.euid.zero?
  end

  def test_the_page_of_another_user_is_not_joined
    as_root
    theirs, ours, again = child(<<~RUBY)
      master = $$
      find = -> { AllocStats::SharedMemory.find(master) }
      children(-> { become_nobody; find.call }, find, find) { |pids| pids.map { |pid| page_of(pid) } }
    RUBY
    refute_nil theirs
    refute_nil ours
    refute_equal theirs, ours
    assert_equal ours, again, "those of this user find each other beside it"
  end

  # A page of our own in a stranger's hands is one that the stranger writes.
  def test_a_page_of_ours_that_another_user_offers_is_not_joined
    as_root
    theirs, ours = child(<<~RUBY)
      master = $$
      children(-> { AllocStats::SharedMemory.find(master); become_nobody }, -> { AllocStats::SharedMemory.find(master) }) { |pids| pids.map { |pid| page_of(pid) } }
    RUBY
    refute_nil theirs
    refute_nil ours
    refute_equal theirs, ours
  end

  def test_nobody_else_can_hold_up_those_who_look_for_it
    as_root
    seconds, shared = child(<<~RUBY)
      master = $$
      find = lambda do
        begun = Process.clock_gettime(Process::CLOCK_MONOTONIC)
        AllocStats::SharedMemory.find(master)
        $seconds = Process.clock_gettime(Process::CLOCK_MONOTONIC) - begun
        AllocStats::SharedMemory.take_slot(nil)
        AllocStats::SharedMemory.describe(1.0, "x", nil, $seconds.to_s)
        AllocStats::SharedMemory.tick
      end
      lock = -> { become_nobody; $folder = File.open("/proc/\#{master}"); $folder.flock(File::LOCK_EX) }
      rows = nil
      children(lock, find, find) do |pids|
        reader, writer = IO.pipe
        asker = fork { find.call; writer.write(Marshal.dump(AllocStats::SharedMemory.rows)) }
        writer.close
        rows = Marshal.load(reader.read)
        Process.wait(asker)
      end
      [rows.map { |row| Float(row[:verdict]) }.max, rows.size]
    RUBY
    assert_operator seconds, :<, 0.9
    assert_equal 3, shared
  end

  # What `text` asks for, written into the page as a worker would; the agent's answer, and whether it goes on.
  def answer_to(kind, text)
    child(<<~RUBY)
      AllocStats.start(interval: 0.05)
      pid = fork { AllocStats::SharedMemory.send_message(#{kind}, #{text.dump}, nil, 5) { sleep 0.3 }; exit! }
      sleep 0.01 until (answer = AllocStats::SharedMemory.own_row[:answer])[:request] == 1 || !AllocStats.started?
      Process.wait(pid)
      samples = AllocStats.history.size
      deadline = Time.now + 10
      sleep 0.01 until AllocStats.history.size > samples || Time.now > deadline
      [answer[:outcome], answer[:reason], AllocStats.started?]
    RUBY
  end

  def test_what_is_asked_is_checked
    [[1, "[]"], [1, "null"], [1, "3"], [1, '"x"'], [1, "{"], [1, ""], [1, "\xff"], [1, "[" * 1000], [1, '{"gc":{}}'], [1, '{"else":1}'],
      [2, '{"profile":3}'], [2, '{"profile":null,"options":[]}'], [2, '{"options":{"x":1}}'], [2, "{}"], [7, "{}"], [2**31, "{}"]].each do |kind, text|
      outcome, reason, started = answer_to(kind, text)
      assert_includes %w[failed refused], outcome, text
      refute_empty reason.to_s, text
      assert started, "the agent goes on after #{text}"
    end
  end

  def test_what_no_worker_can_have_said_is_not_said
    row = child(<<~RUBY)
      AllocStats.start(interval: 3600)
      sleep 0.01 until AllocStats::SharedMemory.own_row[:figures][:pss]
      AllocStats::SharedMemory.answer(1, "released", nil, 5, Float::NAN)
      AllocStats::SharedMemory.describe(4e6, "glibc", nil, "sole")
      AllocStats::SharedMemory.own_row.slice(:interval, :answer)
    RUBY
    assert_nil row[:interval]
    assert_nil row[:answer][:seconds]
  end

  def test_what_is_no_slot_costs_nothing
    before, after = child(<<~RUBY)
      AllocStats.start
      held = -> { AllocStats.private_heap.held[:readings] }
      try = -> { begin; AllocStats::SharedMemory.history("x", nil); rescue TypeError; nil; end }
      try.call
      before = held.call
      50.times { try.call }
      # the agent reads as well, now and then; what it holds for that it gives back
      100.times { held.call > before ? sleep(0.05) : break }
      [before, held.call]
    RUBY
    assert_operator after, :<=, before
  end

  # A sibling that has gone mad: it writes anything anywhere into the page, the way it is laid out and not.
  NOISE = <<~RUBY
    def make_noise(seed)
      path = Dir.glob("/proc/\#{Process.ppid}/fd/*").find { |name| (File.readlink(name) rescue "").start_with?("/memfd:allocstats") }
      page = File.open(path, "r+b")
      random = Random.new(seed)
      odd = [0, 1, 2**64 - 1, 2**63, 2**32 - 1, 2**31, 50, 3600].map { |number| [number].pack("Q") } +
        [Float::NAN, -Float::INFINITY, 1e308, -1.0].map { |number| [number].pack("D") } + ["[]\\0", "{}\\0\\0", "\\xff" * 8, "<script>"]
      places = [0...256, 0...20_000, 20_000...80_000, 0...page.size] # the head; requests, replies and owners; the first slots
      loop do
        place = random.rand(places.sample(random: random))
        case random.rand(4)
        when 0 then page.pwrite(random.bytes(random.rand(1..400)), [place, page.size - 400].min)
        when 1 then page.pwrite("\\0" * 64, [place, page.size - 400].min)
        else page.pwrite(odd.sample(random: random), [place - place % 8, page.size - 400].min)
        end
      end
    end
  RUBY

  def test_a_page_full_of_noise
    seed = Random.new_seed % 1_000_000
    result = ChildProcess.ruby(<<~RUBY, timeout: 120)
      require "json"
      #{NOISE}
      AllocStats.start(interval: 0.05)
      2.times { fork { AllocStats.start; sleep } }
      sleep 0.01 until AllocStats.workers.size == 3
      noise = fork { AllocStats.stop; make_noise(#{seed}) }
      endpoint = AllocStats::Rack::Endpoint.new(environment: "production", token: "x" * 16, cache_seconds: 0)
      env = {"REQUEST_METHOD" => "GET", "REMOTE_ADDR" => "127.0.0.1", "HTTP_HOST" => "localhost", "HTTP_AUTHORIZATION" => "Bearer xxxxxxxxxxxxxxxx", "SCRIPT_NAME" => "", "rack.input" => nil}
      longest = 0
      rounds = 0
      deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + Float(ENV.fetch("SECONDS", 6))
      while (begun = Process.clock_gettime(Process::CLOCK_MONOTONIC)) < deadline
        AllocStats::SharedMemory.rows.each { |row| AllocStats::SharedMemory.history(row[:slot], row[:identity]) }
        AllocStats::SharedMemory.pending
        JSON.generate(AllocStats.workers.to_h)
        JSON.generate(AllocStats.history.to_h)
        AllocStats::Formats::Prometheus.generate(AllocStats.metrics)
        JSON.generate(AllocStats.health.to_h)
        ["/", "/workers.json"].each { |path| (status = endpoint.call({**env, "PATH_INFO" => path})[0]) == 200 or raise "\#{path}: \#{status}" } if rounds % 5 == 0
        AllocStats.workers.purge(timeout: 0).to_h
        longest = [longest, Process.clock_gettime(Process::CLOCK_MONOTONIC) - begun].max
        rounds += 1
      end
      Process.kill(:KILL, noise)
      [rounds, longest, AllocStats.started?]
    RUBY
    assert_operator result.value[0], :>, 3
    assert result.value[2], "the agent goes on; seed #{seed}: #{result.stderr}"
    assert_empty result.stderr, "seed #{seed}"
  end
end
