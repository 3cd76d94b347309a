# frozen_string_literal: true

require "test_helper"
require "support/canned_server"
require "support/command_line"
require "support/puma_server"
require "support/terminal"

class CommandTopTest < Minitest::Test
  Command = AllocStats::Command
  Top = Command::Top
  MIB = 1 << 20

  PROGRAM = [*CommandLine::COMMAND, "top"].freeze
  ENTER = Regexp.escape(Top::Screen::ENTER).freeze
  LEAVE = Regexp.escape(Top::Screen::LEAVE).freeze

  # What the screen shows of a sleeping process, whose figures do not change.
  def with_sleeper
    pid = Process.spawn("sleep", "300")
    yield pid
  ensure
    Process.kill(:KILL, pid)
    Process.wait(pid)
  end

  def worker(index, **figures)
    {index: index, pid: 100 + index, alive: true, stale: false, allocator: "jemalloc", version: "5.3.0", figures: figures}
  end

  def answer(*workers) = CannedServer.http(JSON.generate(workers: workers))

  def run_command(*arguments) = CommandLine.in_this_process("top", *arguments)

  def rows(*figures)
    figures.each_with_index.map { |(rss, live), index| Top::Row.new(name: index.to_s, pid: 10 - index, allocator: "glibc", rss: rss, live: live) }
  end

  def names(rows, order) = order.sort(rows).map(&:name)

  def test_orders
    rows = rows([2, nil], [3, 5], [nil, 7], [3, nil])
    order = Top::Table::Order
    assert_equal %w[3 1 0 2], names(rows, order.new(:rss)), "the largest first, equals by pid, the unknown last"
    assert_equal %w[0 3 1 2], names(rows, order.new(:rss).after("r")), "the same key turns it round"
    assert_equal %w[3 1 0 2], names(rows, order.new(:rss).after("r").after("r"))
    assert_equal %w[2 1 3 0], names(rows, order.new(:rss).after("l"))
    assert_equal %w[3 2 1 0], names(rows, order.new(:rss).after("i"))
    assert_nil order.new(:rss).after("x")
  end

  def test_a_table
    rows = [
      Top::Row.new(name: "0", pid: 11, allocator: "jemalloc 5.3.0", rss: 200 * MIB, pss: 100 * MIB, live: 80 * MIB, kept: nil, growth: 3 * MIB),
      Top::Row.new(name: "1", pid: 12, allocator: nil, rss: 300 * MIB, pss: 150 * MIB, live: 90 * MIB, kept: 5, growth: -2 * MIB, remark: "silent for 40 s")
    ]
    expected = <<~TEXT
      NAME         PID  ALLOCATOR              RSS*          PSS         LIVE         KEPT       GROWTH
      1             12  -                 300.0 MiB    150.0 MiB     90.0 MiB        5 B       -2.0 MiB  silent for 40 s
      0             11  jemalloc 5.3.0    200.0 MiB    100.0 MiB     80.0 MiB            -     +3.0 MiB
      total                               500.0 MiB    250.0 MiB    170.0 MiB            -     +1.0 MiB
    TEXT
    assert_equal expected, Top::Table.new(rows, order: Top::Table::Order.new(:rss)).lines.join("\n") + "\n"
  end

  def test_a_table_that_does_not_fit
    lines = Top::Table.new(rows(*Array.new(30) { |i| [i, nil] }), order: Top::Table::Order.new(:rss), remarks: ["odd"]).lines(height: 10)
    assert_equal 10, lines.size
    assert_equal "... and 24 more", lines[-3]
    assert_equal "odd", lines.last
  end

  def test_the_dead_count_as_nothing
    gone = Top::Row.new(name: "2", pid: 3, remark: "gone")
    total = Top::Table.new(rows([MIB, nil], [MIB, nil]) + [gone], order: Top::Table::Order.new(:rss)).lines.last
    assert_match(/\Atotal +2\.0 MiB/, total)
  end

  def test_workers_behind_an_endpoint
    CannedServer.open(answer(worker(0, rss: 5 * MIB, live: MIB), worker(1, rss: 9 * MIB, pss: 8 * MIB), worker(2, rss: MIB).merge(stale: true, age: 45.2), {index: 3, pid: 103, alive: false, figures: {}})) do |server|
      status, out, = run_command("--url", "http://#{server.address}/allocator", "--once")
      assert_equal 0, status
      assert_equal "GET /allocator/workers.json HTTP/1.1", server.requests.first.first
      lines = out.lines.map(&:split)
      assert_equal %w[1 0 2 3 total], lines.drop(1).map(&:first)
      assert_equal %w[0 100 jemalloc 5.3.0 5.0 MiB - 1.0 MiB - -], lines[2]
      assert_match(/silent for 45 s$/, out)
      assert_match(/gone$/, out)
    end
  end

  # A line with RSS and PSS: the worker's name.
  WHOLE_WORKER = /^[01](?= +\d+  glibc [\d.]+ +\d+\.\d MiB +\d+\.\d MiB)/

  # What the workers of a real cluster tell of each other.
  def test_a_real_cluster
    rackup = %(require "allocstats"\nrun AllocStats::Rack::Endpoint.new(environment: "test"))
    PumaServer.run(rackup: rackup, workers: 2, config: "plugin :allocstats") do |server|
      url = "http://127.0.0.1:#{server.port}"
      out = nil
      200.times do
        status, out, err = run_command("--url", url, "--once")
        assert_equal [0, ""], [status, err]
        refute_match(/silent/, out, "a worker that is just beginning is none that stopped")
        break if out.scan(WHOLE_WORKER).sort == %w[0 1]
        sleep 0.1 # a worker reports when it has lived for a moment, and its PSS a moment later
      end
      assert_equal %w[0 1], out.scan(WHOLE_WORKER).sort, out
      assert_match(/^total +\d/, out)
    end
  end

  # An endpoint may be anybody's: it can say what it likes, but not to the terminal.
  def test_what_an_endpoint_says_is_not_believed
    odd = {index: "\e[2J", pid: "x", allocator: {a: 1}, version: "\u0007bell", figures: {rss: "much", live: 1.5, pss: nil, kept: []}}
    CannedServer.open(answer(odd, 7, nil, worker(1, rss: MIB).merge(figures: 3))) do |server|
      status, out, = run_command("--url", "http://#{server.address}", "--once")
      assert_equal 0, status
      refute_match(/[\e\a]/, out)
      assert_equal 4, out.lines.size
    end
    CannedServer.open(CannedServer.http('{"workers":5}')) do |server|
      status, out, err = run_command("--url", "http://#{server.address}", "--once")
      assert_equal [Command::UNAVAILABLE, ""], [status, out]
      assert_match(/answers without workers/, err)
    end
  end

  def test_several_endpoints
    CannedServer.open(answer(worker(0, rss: 1))) do |one|
      CannedServer.open(answer(worker(0, rss: 2))) do |two|
        _, out, = run_command("--once", "--url", "http://#{one.address}", "-u", "http://#{two.address}")
        assert_equal ["#{two.address} 0", "#{one.address} 0"], out.lines[1, 2].map { |line| line.split.first(2).join(" ") }
      end
    end
  end

  def test_processes_of_this_machine
    with_sleeper do |pid|
      status, out, = run_command("--pid", Process.pid.to_s, "--pid", pid.to_s, "--once")
      assert_equal 0, status
      assert_match(/^sleep +#{pid}  glibc +\d+\.\d MiB +\d+\.\d [KM]iB +- +- +-$/, out)
      assert_operator out.index("#{Process.pid} "), :<, out.index("sleep"), "by RSS unless said"
    end
  end

  def test_bad_input
    {
      ["--pid", "0"] => [Command::USAGE, /"0" is no process's number/],
      ["--pid", "self"] => [Command::USAGE, /"self" is no process's number/],
      ["--pid", "999999999"] => [Command::NOT_FOUND, /there is no process 999999999/],
      ["--pid", "1", "--url", "http://a/"] => [Command::USAGE, /not both/],
      ["--url", "nonsense"] => [Command::USAGE, /no address of an endpoint/],
      ["--interval", "0"] => [Command::USAGE, /a tenth of a second at least/],
      ["--interval", "x"] => [Command::USAGE, /--interval x/],
      ["--sort", "size"] => [Command::USAGE, /--sort size/],
      ["4711"] => [Command::USAGE, /takes no argument "4711"/],
      ["--fast"] => [Command::USAGE, /--fast/]
    }.each do |arguments, (expected, sentence)|
      status, out, err = run_command(*arguments)
      assert_equal expected, status, arguments.inspect
      assert_match sentence, err
      assert_equal ["", 1], [out, err.lines.size], arguments.inspect
    end
  end

  def test_help
    status, out, = run_command("--help")
    assert_equal 0, status
    Top::Row::SORTS.each_key { |column| assert_includes out, column.to_s }
  end

  # What is no terminal gets one table after the other, and no sequences.
  def test_lines_into_a_pipe
    with_sleeper do |pid|
      IO.popen([*PROGRAM, "--pid", pid.to_s, "--interval", "0.1"]) do |pipe|
        heads = Array.new(9) { pipe.gets }.grep(/\Aallocstats top/)
        assert_operator heads.size, :>=, 2
        Process.kill(:TERM, pipe.pid)
        refute_match(/\e/, pipe.read)
      end
      assert_equal 143, $?.exitstatus
    end
  end

  def test_a_reader_that_has_seen_enough
    with_sleeper do |pid|
      result = ChildProcess.command("bash", "-c", 'set -o pipefail; "$@" | head -1', "-", *PROGRAM, "--pid", pid.to_s, "--interval", "0.1")
      assert_equal "", result.stderr
      assert_match(/\Aallocstats top/, result.stdout)
    end
  end

  # It ends by itself where nothing is left to be watched.
  def test_the_last_process_ends
    reader, writer = IO.pipe
    pid = Process.spawn("cat", in: reader)
    reader.close
    IO.popen([*PROGRAM, "--pid", pid.to_s, "--interval", "0.1"]) do |pipe|
      pipe.gets
      writer.close
      Process.wait(pid)
      assert_match(/ gone$/, pipe.read)
    end
    assert_equal 0, $?.exitstatus
  end

  def in_terminal(*arguments, **options, &block)
    Terminal.run(*PROGRAM, "--interval", "0.2", *arguments, **options, &block)
  end

  def test_keys_in_a_terminal
    workers = answer(worker(0, rss: 5 * MIB, live: 2 * MIB), worker(1, rss: 9 * MIB, live: MIB))
    CannedServer.open(workers) do |server|
      terminal = in_terminal("--url", "http://#{server.address}") do |screen|
        screen.wait_for(/#{ENTER}.*RSS\*.*\n1 .*\n0 .*q ends/mo)
        refute screen.restored?, "keys come one by one"
        screen.type("l")
        screen.wait_for(/LIVE\*.*\n0 .*\n1 /m)
        screen.type("\e[A?x")
        screen.type("ll")
        screen.wait_for(/LIVE\*.*\n1 .*\n0 /m)
        screen.type("q")
      end
      assert_equal 0, terminal.status.exitstatus
      assert terminal.written.match?(/#{LEAVE}\z/o), terminal.written[-200..].inspect
    end
  end

  def test_every_way_out_restores_the_terminal
    with_sleeper do |pid|
      ways = {
        "q" => [0, ->(screen) { screen.type("q") }],
        "control and C" => [130, ->(screen) { screen.type("\x03") }],
        "SIGTERM" => [143, ->(screen) { screen.signal(:TERM) }],
        "SIGHUP" => [129, ->(screen) { screen.signal(:HUP) }]
      }
      ways.each do |name, (status, leave)|
        restored = nil
        terminal = in_terminal("--pid", pid.to_s) do |screen|
          screen.wait_for(/q ends/)
          leave.call(screen)
          screen.wait
          restored = screen.restored?
        end
        assert_equal status, terminal.status.exitstatus, name
        assert restored, name
        assert terminal.written.match?(/#{LEAVE}\z/o), name
      end
    end
  end

  def test_a_fault_restores_the_terminal
    program = [RbConfig.ruby, "-I#{ChildProcess::LIB}", "-e", <<~RUBY]
      require "allocstats/command"
      AllocStats::Command::Top::Readings.prepend(Module.new { def read = raise("made to fail") })
      exit AllocStats::Command.run(["top", "--pid", Process.pid.to_s, "--interval", "0.1"])
    RUBY
    restored = nil
    terminal = Terminal.run(*program) do |screen|
      screen.wait
      restored = screen.restored?
    end
    assert restored
    assert_match(/#{LEAVE}.*made to fail/mo, terminal.written)
    assert_equal 1, terminal.status.exitstatus
  end

  def test_a_window_of_another_size
    with_sleeper do |pid|
      in_terminal("--pid", pid.to_s, size: [24, 120]) do |screen|
        screen.wait_for(/GROWTH/)
        screen.resize(10, 30)
        screen.skip_to_now
        drawn = screen.wait_for(/\e\[H(.*?)\e\[J/m)[1]
        drawn.gsub(/\e\[\d*[mK]/, "").split(/\r?\n/).each { |line| assert_operator line.size, :<=, 30 }
        screen.type("q")
      end
    end
  end

  def test_stopped_and_continued
    with_sleeper do |pid|
      in_terminal("--pid", pid.to_s) do |screen|
        screen.wait_for(/q ends/)
        screen.signal(:TSTP)
        screen.wait_for(/#{LEAVE}/o)
        Process.wait(screen.pid, Process::WUNTRACED)
        assert screen.restored?, "a shell gets its terminal back"
        screen.signal(:CONT)
        screen.wait_for(/#{ENTER}.*q ends/mo)
        refute screen.restored?
        screen.type("q")
      end
    end
  end

  # It may be starting again: what is wrong is said below the table until it answers.
  def test_an_endpoint_that_is_away_for_a_while
    CannedServer.open(answer(worker(0, rss: MIB))) do |server|
      in_terminal("--url", "http://#{server.address}") do |screen|
        screen.wait_for(/jemalloc/)
        server.answer = CannedServer.http("{}", status: "503 Service Unavailable")
        screen.wait_for(/answers 503/)
        server.answer = answer(worker(0, rss: 3 * MIB))
        screen.wait_for(/jemalloc 5\.3\.0.*\+2\.0 MiB/)
        screen.type("q")
      end
    end
  end
end
