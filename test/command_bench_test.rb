# frozen_string_literal: true

require "test_helper"
require "nokogiri"
require "support/canned_server"
require "support/command_line"
require "support/puma_server"
require "support/terminal"

class CommandBenchTest < Minitest::Test
  Command = AllocStats::Command
  Bench = Command::Bench
  MIB = 1 << 20

  PROGRAM = [*CommandLine::COMMAND, "bench"].freeze

  # Keeps a string for each request to /keep.
  RACKUP = <<~RUBY
    require "allocstats"
    use AllocStats::Rack::Middleware, environment: "test"
    kept = []
    run ->(env) {
      kept << "k" * 100_000 if env["PATH_INFO"] == "/keep"
      [(env["PATH_INFO"] == "/broken") ? 500 : 200, {"content-type" => "text/plain"}, ["fine"]]
    }
  RUBY

  def setup
    @folder = Dir.mktmpdir("allocstats-bench-test")
  end

  def teardown
    FileUtils.rm_rf(@folder)
  end

  def run_command(*arguments) = CommandLine.in_this_process("bench", *arguments)

  # In a process of its own, since it is ended by signals.
  def run_program(*arguments, **options)
    CommandLine.run("bench", *arguments, bundler: true, timeout: 120, **options)
  end

  # Well-formed, or an error.
  def drawing(svg) = Nokogiri::XML(svg, &:strict)

  # How many lines of measured points there are in a drawing; those of its legend have two ends alone.
  def lines_in(path) = drawing(File.read(path)).css("path.line").count { |line| line["d"].include?("L") }

  def document(path) = JSON.parse(File.read("#{@folder}/#{path}"), symbolize_names: true)

  def need_jemalloc
    skip "there is no jemalloc to preload on this machine" unless AllocStats::Launch.libraries.any? { |library| library.name == :jemalloc }
  end

  def test_the_published_benchmark
    need_jemalloc
    result = run_program("--size", "0.0005", "--rounds", "2", "--settle", "0.2", "--allocator", "libc,jemalloc", "--profile", "none,low_memory",
      "--json", "#{@folder}/out.json", "--svg", "#{@folder}/out.svg", "--progress")
    assert_equal 0, result.status.exitstatus, result.stderr
    titles = TestAllocators["glibc"].version.then { |version| ["glibc #{version}", "jemalloc"] }
    assert_match(/^#{titles[0]} +as it comes +\d+\.\d /, result.stdout)
    assert_match(/^jemalloc [\d.]+ +low_memory +\d+\.\d /, result.stdout)
    assert_match(/\A1 of 8: .*^8 of 8: jemalloc [\d.]+, low_memory$/m, result.stderr)

    json = document("out.json")
    assert_equal [true, "published", 1500], [json[:complete], json[:benchmark], json[:parameters][:strings]]
    assert_equal [2, 2, 2, 2], json[:configurations].map { |each| each[:runs].size }
    json[:configurations].flat_map { |each| each[:runs] }.each do |run|
      assert_operator run[:peak], :>=, run[:end]
      assert_operator run[:seconds], :>, 0
      assert_operator run[:p99], :<, run[:seconds]
      assert_operator run[:memory].last[0], :>=, run[:ended_at], "memory was read until the end"
    end
    low = json[:configurations].last
    assert_equal "low_memory", low[:profile]
    assert_match(/narenas:1/, low[:environment][:MALLOC_CONF])
    assert_equal 4, lines_in("#{@folder}/out.svg")
  end

  # What the process that measures was started with is not what is measured.
  def test_the_environment_speaks_of_no_allocator
    ENV["MALLOC_ARENA_MAX"] = "1"
    entry = TestAllocators["jemalloc"]
    skip entry.missing if entry.missing
    configuration = Bench::Configuration.all([entry.path], ["none"]).first
    assert_equal({"MALLOC_ARENA_MAX" => nil, "LD_PRELOAD" => entry.path}, configuration.environment.slice("MALLOC_ARENA_MAX", "LD_PRELOAD"))
    assert_equal [:jemalloc, entry.version, nil], [configuration.allocator, configuration.version, configuration.profile]
  ensure
    ENV.delete("MALLOC_ARENA_MAX")
  end

  # Each configuration has its turn in each round; what fails costs its own alone.
  def test_turns
    seen = []
    turns = Bench::Turns.new(%w[a b c], rounds: 2, progress: Bench::Progress.new(StringIO.new))
    turns.take do |configuration, runs|
      seen << configuration
      raise Command::Failure.new("b is broken", status: 69) if configuration == "b"
      runs << seen.size
    end
    assert_equal %w[a b c a c], seen
    assert_equal({"a" => [1, 4], "c" => [3, 5]}, turns.runs)
    assert_equal [{"b" => "b is broken"}, 69, false], [turns.failures, turns.status, turns.complete?]
    assert_raises(Command::Failure) { Bench::Turns.new(["a"], rounds: 1, progress: Bench::Progress.new(StringIO.new)).take { raise Command::Failure, "no" } }
  end

  def test_control_and_c_leaves_what_was_measured
    terminal = Terminal.run(*PROGRAM, "--size", "0.0002", "--rounds", "1000", "--settle", "0.1", "--allocator", "libc", "--profile", "none", "--json", "#{@folder}/out.json") do |screen|
      screen.wait_for(/2 of 1000/)
      screen.type("\x03")
    end
    assert_equal 130, terminal.status.exitstatus
    assert_match(/as it comes +\d+\.\d.*It was ended before all was measured/m, terminal.written)
    json = document("out.json")
    refute json[:complete]
    assert_operator json[:configurations].first[:runs].size, :>=, 1
  end

  def test_control_and_c_before_anything_was_measured
    terminal = Terminal.run(*PROGRAM, "--size", "1", "--allocator", "libc", "--profile", "none") do |screen|
      screen.wait_for(/1 of 1/)
      screen.type("\x03")
    end
    assert_equal 130, terminal.status.exitstatus
    assert_match(/nothing was measured/, terminal.written)
    refute_match(/Error/, terminal.written)
  end

  def test_an_application_under_two_allocators
    need_jemalloc
    File.write("#{@folder}/config.ru", RACKUP)
    File.write("#{@folder}/paths", "# what is kept\n/keep\n\n/ \n/broken\n")
    result = run_program("app", "--command", "bundle exec puma -b tcp://127.0.0.1:%{port} -w 2 '#{@folder}/config.ru'", "--allocator", "libc,jemalloc",
      "--paths", "#{@folder}/paths", "--requests", "600", "--intervals", "6", "--settle", "0.2", "--json", "#{@folder}/out.json", "--svg", "#{@folder}/out.svg",
      env: {"BUNDLE_GEMFILE" => PumaServer::GEMFILE, "RUBYLIB" => ChildProcess::LIB})
    assert_equal 0, result.status.exitstatus, result.stdout + result.stderr
    json = document("out.json")
    assert_equal %w[glibc jemalloc], json[:configurations].map { |each| each[:allocator] }
    json[:configurations].map { |each| each[:runs].first }.each do |run|
      assert_equal [100, 200, 300, 400, 500, 600], run[:intervals].map { |interval| interval[:requests] }
      assert_equal 200, run[:failures], "each third path answers 500"
      assert_in_delta 100_000 / 3.0, run[:growth_by_request], 25_000, "a third of the requests keeps 100 KB"
      assert_operator run[:end], :>, run[:before]
      assert_nil run[:no_purge]
      assert_kind_of Integer, run[:purged]
      assert_operator run[:growth_by_second], :>, 0
    end
    assert_match(/^glibc [\d.]+ +(\d+\.\d +){4}\+\d+\.\d\d /, result.stdout)
    assert_equal 2, lines_in("#{@folder}/out.svg")
  end

  # The intervals that there are, and no server left behind.
  def test_control_and_c_while_an_application_is_measured
    File.write("#{@folder}/config.ru", RACKUP)
    env = {"BUNDLE_GEMFILE" => PumaServer::GEMFILE, "RUBYLIB" => ChildProcess::LIB}
    terminal = Terminal.run(*PROGRAM, "app", "--command", "bundle exec puma -b tcp://127.0.0.1:%{port} '#{@folder}/config.ru'", "--allocator", "libc",
      "--requests", "200000", "--intervals", "1000", "--warm-up", "10", "--json", "#{@folder}/out.json", env: env) do |screen|
      screen.wait_for(/400 of 200000 requests/)
      screen.type("\x03")
    end
    assert_equal 130, terminal.status.exitstatus, terminal.written
    run = document("out.json")[:configurations].first[:runs].first
    assert_operator run[:intervals].size, :>=, 2
    assert_nil run[:settled]
    assert_match(/^glibc [\d.]+ .* - +- .*It was ended before all was measured/m, terminal.written)
    assert_empty ChildProcess.command("pgrep", "-f", @folder, check: false).stdout, "no server is left behind"
  end

  def test_a_server_that_runs
    PumaServer.run(rackup: RACKUP) do |server|
      url = "http://127.0.0.1:#{server.port}"
      ways = {["--pid", server.pid.to_s] => Integer, [] => Integer}
      ways.each do |options, kind|
        status, out, err = run_command("app", "--url", url, *options, "--paths", "/keep,/", "--requests", "60", "--intervals", "3", "--settle", "0.1", "--json", "#{@folder}/out.json")
        assert_equal 0, status, err
        assert_match(/^as it runs +\d+\.\d/, out)
        run = document("out.json")[:configurations].first[:runs].first
        assert_equal [60, 0], run.values_at(:requests, :failures)
        assert_kind_of kind, run[:end]
      end
    end
  end

  def test_servers_that_do_not_come_up
    {
      ["no-such-command-here"] => /cannot be started: No such file/,
      ["sh -c 'echo made to fail >&2; exit 3'"] => /ended before it answered at .*: made to fail/,
      ["sleep 60", "--boot", "0.3"] => /did not answer at .* within 0 s/
    }.each do |(command, *options), sentence|
      status, _, err = run_command("app", "--command", command, *options, "--allocator", "libc")
      assert_equal Command::UNAVAILABLE, status
      assert_match sentence, err
      assert_equal 1, err.lines.size
    end
  end

  def test_a_port_that_is_taken
    CannedServer.open(CannedServer.http("{}")) do |server|
      status, _, err = run_command("app", "--command", "sleep 60", "--url", "http://#{server.address}", "--allocator", "libc")
      assert_equal Command::UNAVAILABLE, status
      assert_match(/something else listens there/, err)
    end
  end

  def test_an_application_that_answers_nothing_well
    CannedServer.open(CannedServer.http("{}", status: "404 Not Found")) do |server|
      status, _, err = run_command("app", "--url", "http://#{server.address}", "--pid", Process.pid.to_s, "--requests", "4", "--paths", "/gone")
      assert_equal Command::UNAVAILABLE, status
      assert_match(%r{none of 1 requests was answered well: /gone answers 404}, err)
    end
  end

  def test_paths
    assert_equal ["/", "/a?b=c"], Bench::Load.paths("/, /a?b=c")
    {"a" => /"a" is no path/, "" => /no path in/, "/a b" => /neither spaces/, "http://a/" => /is no path/}.each do |text, sentence|
      assert_match sentence, assert_raises(Command::Failure) { Bench::Load.paths(text) }.message
    end
  end

  def test_a_chart
    lines = [
      Bench::Chart::Line.new(name: "a <b> & \"c\"", group: "a", points: [[0, 1.0], [10, 512.5]], marks: [[10, 512.5, :dot]], value: 512.5),
      Bench::Chart::Line.new(name: "none", group: "b", points: [], marks: [], value: 0.0)
    ]
    svg = Bench::Chart.new(title: "T", subtitle: "S", x: "seconds", y: "MiB", legend: "at the end", lines: lines).to_svg
    document = drawing(svg)
    assert_includes document.css("text").map(&:text), "a <b> & \"c\""
    assert_equal 1, document.css("circle").size
    assert_match(/at the end, in MiB: a .* 512\.5/, document.at_css("desc").text)
    refute_match(/https?:(?!\/\/www\.w3\.org\/2000\/svg)|NaN|Infinity/, svg)
  end

  def test_scales_are_round
    scale = ->(most) { Bench::Chart::Scale.new(most, from: 0, to: 100).ticks }
    assert_equal [0, 100, 200, 300, 400, 500, 600], scale[512.5]
    assert_equal [0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0], scale[3]
    assert_equal 0, scale[nil].first
    assert_operator scale[0].size, :>, 1
  end

  def test_bad_input
    {
      ["--allocator", "jemaloc"] => [Command::USAGE, /no allocator is named "jemaloc"/],
      ["--profile", "small"] => [Command::USAGE, /no profile is named "small"/],
      ["--allocator", "/no/such.so"] => [Command::UNAVAILABLE, %r{/no/such\.so}],
      ["--size", "0"] => [Command::USAGE, /size must be more than 0/],
      ["--size", "x"] => [Command::USAGE, /--size x/],
      ["--rounds", "-1"] => [Command::USAGE, /rounds must be more than 0/],
      ["--json", "/no/such/folder/out"] => [Command::NOT_PERMITTED, %r{/no/such/folder is no folder}],
      ["--svg", "/"] => [Command::NOT_PERMITTED, /cannot be written/],
      ["something"] => [Command::USAGE, /takes no argument "something"/],
      ["app"] => [Command::USAGE, /needs --command, or --url/],
      ["app", "more"] => [Command::USAGE, /takes no argument "more"/],
      ["app", "--command", ""] => [Command::USAGE, /the command is empty/],
      ["app", "--command", "puma '"] => [Command::USAGE, /quotation mark/],
      ["app", "--url", "nonsense"] => [Command::USAGE, /no address/],
      ["app", "--url", "http://127.0.0.1:1/", "--pid", "x"] => [Command::USAGE, /no process's number/],
      ["app", "--url", "http://127.0.0.1:1/", "--pid", "999999999"] => [Command::NOT_FOUND, /no process 999999999/],
      ["app", "--url", "http://127.0.0.1:1/"] => [Command::UNAVAILABLE, /cannot be reached/],
      ["app", "--url", "http://127.0.0.1:1/", "--allocator", "jemalloc"] => [Command::USAGE, /cannot be chosen/],
      ["app", "--command", "puma", "--pid", "1"] => [Command::USAGE, /runs already/],
      ["app", "--header", "nonsense"] => [Command::USAGE, /a header is a name/],
      ["app", "--paths", "x"] => [Command::USAGE, /is no path/]
    }.each do |arguments, (expected, sentence)|
      status, out, err = run_command(*arguments)
      assert_match sentence, err, arguments.inspect
      assert_equal [expected, "", 1], [status, out, err.lines.size], arguments.inspect
    end
  end
end
