# frozen_string_literal: true

require "test_helper"

require "fileutils"
require "support/object_count"
require "support/server_process"
require "tmpdir"

# The tests stand on real processes under real allocators, so that ground is tested first.
class ChildProcessTest < Minitest::Test
  def test_the_value_of_the_code_comes_back_apart_from_what_it_prints
    result = ChildProcess.ruby(<<~RUBY, require: [])
      puts "on stdout"
      warn "on stderr"
      {number: 1, absent: nil, list: [:word, 0.5]}
    RUBY
    assert_equal({number: 1, absent: nil, list: ["word", 0.5]}, result.value)
    assert_equal "on stdout\n", result.stdout
    assert_equal "on stderr\n", result.stderr
    assert_predicate result, :success?
  end

  def test_the_child_has_the_library_loaded
    assert_equal AllocStats::VERSION, ChildProcess.ruby("AllocStats::VERSION").value
  end

  def test_variables_are_set_and_taken_away_for_the_child_alone
    ENV["ALLOCSTATS_OF_THE_PARENT"] = "1"
    seen = ChildProcess.ruby('ENV.values_at("ALLOCSTATS_OF_THE_PARENT", "OWN", "HOME", "RUBYOPT")', require: [], env: {"OWN" => "2", :HOME => nil}).value
    assert_equal [nil, "2", nil, nil], seen
  ensure
    ENV.delete("ALLOCSTATS_OF_THE_PARENT")
  end

  def test_an_exception_fails_with_the_childs_own_words_and_line
    error = assert_raises(ChildProcess::Failed) { ChildProcess.ruby("\nraise 'so it is'", require: []) }
    assert_match(/^-e:2:in [`']<main>': so it is \(RuntimeError\)$/, error.message) # 3.4 has another quotation mark
    assert_equal 1, error.result.status.exitstatus
  end

  def test_a_crash_is_told_by_its_signal
    assert_equal "KILL", ChildProcess.ruby("Process.kill(:KILL, Process.pid); sleep", require: [], check: false).signal
  end

  def test_a_child_that_does_not_end_is_killed_with_all_it_started
    error = assert_raises(ChildProcess::TimedOut) do
      ChildProcess.ruby("$stdout.sync = true; puts fork { sleep }; sleep", require: [], timeout: 2)
    end
    grandchild = Integer(error.result.stdout)
    assert gone?(grandchild), "process #{grandchild} lives on"
  end

  def test_what_a_child_leaves_behind_does_not_outlive_it
    grandchild = ChildProcess.ruby("fork { sleep }", require: [], timeout: 30).value
    assert gone?(grandchild), "process #{grandchild} lives on"
  end

  def test_any_command_runs_the_same_way
    result = ChildProcess.command("sh", "-c", "echo out; echo err >&2; exit 3", check: false)
    assert_equal ["out\n", "err\n", 3], [result.stdout, result.stderr, result.status.exitstatus]
  end

  private

  # A killed process is gone once it is reaped, by init or whoever stands in for it; a zombie has ended too.
  def gone?(pid)
    50.times do
      return true if File.read("/proc/#{pid}/stat")[/\) (\S)/, 1] == "Z"

      sleep 0.02
    end
    false
  rescue Errno::ENOENT, Errno::ESRCH
    true
  end
end

class ObjectCountTest < Minitest::Test
  def test_each_time_counts
    assert_equal 0, ObjectCount.of(1000) { nil }
    assert_equal 2000, ObjectCount.of(1000) { [Object.new] }
    assert_equal 0, ObjectCount.of(0) { flunk }
  end

  def test_what_is_made_the_first_time_alone_does_not
    kept = nil
    assert_equal 0, ObjectCount.of(1) { kept ||= Object.new }
  end
end

class ServerProcessTest < Minitest::Test
  # Says its port, and sleeps with a child of its own.
  class Sleeper < ServerProcess
    def initialize(code) = super(RbConfig.ruby, "-e", code)

    def listening_port = log[/port (\d+)/, 1]
  end

  SLEEPING = "fork { sleep }; $stdout.sync = true; puts 'on port 4711'; sleep"

  def test_it_is_there_while_the_block_runs
    pid = Sleeper.new(SLEEPING).run do |server|
      assert_equal [4711, "on port 4711\n"], [server.port, server.log]
      assert_equal 1, Process.kill(0, -server.pid)
      server.pid
    end
    assert_raises(Errno::ESRCH) { Process.kill(0, pid) }
  end

  def test_it_is_gone_after_an_error_too
    pid = nil
    assert_raises(IOError) { Sleeper.new(SLEEPING).run { |server| (pid = server.pid) && raise(IOError) } }
    assert_raises(Errno::ESRCH) { Process.kill(0, pid) }
  end

  def test_one_that_ends_before_it_listens
    error = assert_raises(ServerProcess::Failed) { Sleeper.new("abort 'out of order'").run { flunk } }
    assert_equal "ServerProcessTest::Sleeper ended before it listened:\nout of order\n", error.message
  end

  def test_one_that_has_ended_by_itself_is_no_failure
    assert_equal 1, Sleeper.new("puts 'port 1'; $stdout.flush; sleep 0.5").run { |server| sleep(1) && server.port }
  end
end

class TestAllocatorsTest < Minitest::Test
  # Ruby that asks the preloaded library itself for its version, each in its own way.
  VERSIONS = {
    glibc: 'Fiddle::Function.new(Fiddle::Handle::DEFAULT["gnu_get_libc_version"], [], Fiddle::TYPE_VOIDP).call.to_s',
    jemalloc: <<~RUBY,
      text, size = Fiddle::Pointer.malloc(8), Fiddle::Pointer.malloc(8)
      size[0, 8] = [8].pack("J")
      pointer = Fiddle::TYPE_VOIDP
      mallctl = Fiddle::Function.new(Fiddle::Handle::DEFAULT["mallctl"], [pointer, pointer, pointer, pointer, Fiddle::TYPE_SIZE_T], Fiddle::TYPE_INT)
      mallctl.call("version", text, size, nil, 0) == 0 or raise "no version"
      text.ptr.to_s[/[^-]+/]
    RUBY
    # 209 is 2.0.9; from some 3.x on, each part has two digits.
    mimalloc: <<~RUBY,
      number = Fiddle::Function.new(Fiddle::Handle::DEFAULT["mi_version"], [], Fiddle::TYPE_INT).call
      number.digits(number < 1000 ? 10 : 100).reverse.join(".")
    RUBY
    tcmalloc: 'Fiddle::Function.new(Fiddle::Handle::DEFAULT["tc_version"], [Fiddle::TYPE_VOIDP] * 3, Fiddle::TYPE_VOIDP).call(nil, nil, nil).to_s[/[\d.]+/]'
  }.freeze

  TestAllocators.each do |entry|
    define_method("test_a_child_process_runs_under_#{entry.key}") do
      skip entry.missing if entry.missing

      result = ChildProcess.ruby(VERSIONS.fetch(entry.name), require: ["fiddle"], allocator: entry)
      assert_equal "", result.stderr
      assert_equal entry.version, result.value
    end
  end

  def test_glibc_needs_nothing_preloaded
    assert_equal({}, TestAllocators["glibc"].env)
    assert_predicate TestAllocators["glibc"], :available?
  end

  def test_a_name_that_is_not_known_is_refused
    assert_raises(ArgumentError) { TestAllocators["hoard-3.13"] }
  end

  def test_what_is_missing_says_so
    with_cache do
      entry = TestAllocators["mimalloc-3.6.0"]
      refute_predicate entry, :available?
      assert_includes entry.missing, "mimalloc 3.6.0"
      assert_nil entry.path
      assert_equal({}, entry.env)
    end
  end

  def test_a_suite_that_has_moved_on_is_told_and_used
    with_cache do |folder|
      entry = TestAllocators["mimalloc-3.6.0"]
      put(folder, entry, "3.10.1")
      put(folder, entry, "3.9.2")
      assert_equal ["3.10.1", "mimalloc-3.10.1"], [entry.version, entry.key]
      assert_includes entry.moved, "3.10.1"
      assert_same entry, TestAllocators["mimalloc-3.6.0"]
      assert_same entry, TestAllocators["mimalloc"]

      put(folder, entry, "3.6.0")
      assert_equal "3.6.0", entry.version
      assert_nil entry.moved
    end
  end

  private

  def with_cache
    before = ENV["ALLOCSTATS_CACHE"]
    Dir.mktmpdir { |folder| yield ENV["ALLOCSTATS_CACHE"] = folder }
  ensure
    ENV["ALLOCSTATS_CACHE"] = before
  end

  def put(folder, entry, version)
    FileUtils.mkdir_p(File.join(entry.folder, version))
    FileUtils.touch(File.join(entry.folder, version, entry.library))
  end
end
