# frozen_string_literal: true

require "test_helper"
require "support/child_process"
require "support/allocators"

# What documents are made of, what is kept for the life of a process, and what a master loads for its workers.
class SnapshotTest < Minitest::Test
  # Serves all that there is, in the process of a server that has threads and a sampler.
  SERVE = <<~RUBY
    AllocStats.start
    endpoint = AllocStats::Rack::Endpoint.new(token: "of-the-test-of-snapshots", cache_seconds: 0)
    serve = lambda do |path, accept = "application/json"|
      status, _, body = endpoint.call("REQUEST_METHOD" => "GET", "SCRIPT_NAME" => "/allocator", "PATH_INFO" => path, "HTTP_ACCEPT" => accept,
        "REMOTE_ADDR" => "127.0.0.1", "HTTP_AUTHORIZATION" => "Bearer of-the-test-of-snapshots")
      raise [path, status, body].inspect unless status == 200
    end
    all = [[".json"], ["", "text/html"], ["/metrics", "text/plain"], ["/health"], ["/doctor.json"], ["/report.txt"]]
  RUBY

  def test_each_part_is_read_once
    told = ChildProcess.ruby(<<~RUBY).value
      #{SERVE}
      all.each { |request| serve.call(*request) }
      all.to_h do |request|
        calls = Hash.new(0)
        trace = TracePoint.new(:c_call) { |call| calls[call.method_id] += 1 if call.defined_class.inspect.include?("AllocStats") }
        trace.enable(target_thread: Thread.current) { serve.call(*request) }
        [request.first, calls.slice(:scan, :ownership, :read_files, :own_row, :slow_figures)]
      end
    RUBY

    [".json", "", "/report.txt"].each { |path| assert_equal 1, told.fetch(path.to_sym)[:scan], path }
    ["/metrics", "/health"].each { |path| assert_equal [nil, 1], told.fetch(path.to_sym).values_at(:scan, :read_files), path }
    told.each { |path, calls| assert_equal [nil, nil], calls.values_at(:ownership, :slow_figures), path.to_s }
  end

  def test_what_is_of_one_moment_agrees
    snapshot = AllocStats::Snapshot.new
    before = snapshot.sample.rss
    kept = "x" * (32 << 20)
    snapshot.memory

    assert_operator snapshot.sample.rss, :>=, before + (24 << 20), "the sample that goes with a pass is of right after it"
    assert_equal snapshot.sample.rss, snapshot.workers.own[:rss]
    assert_same snapshot.memory.cgroup, snapshot.cgroup
    assert_equal snapshot.memory.rss, snapshot.ledger.rss
    assert_equal 32 << 20, kept.bytesize
  end

  def test_a_part_that_cannot_be_read_costs_none_of_the_others
    snapshot = AllocStats::Rack::Snapshot.new
    snapshot.define_singleton_method(:settings) { raise AllocStats::Unsupported, "not here" }
    told = AllocStats::Rack::StatusDocument.new(snapshot).to_h

    assert_equal [nil, "not here"], [told[:settings], told[:absent][:settings]]
    assert_equal Process.pid, told[:workers][:workers].first[:pid]
  end

  # Whose malloc is does not change; what else is loaded does, and is seen at once.
  def test_the_owner_is_proven_once_and_what_is_loaded_later_is_seen
    entry = TestAllocators["mimalloc-3.6.0"]
    skip entry.missing if entry.missing
    told = ChildProcess.ruby(<<~RUBY).value
      require "fiddle"
      first = AllocStats.allocator
      same = first.equal?(AllocStats.allocator)
      child = fork { exit!(AllocStats.allocator.equal?(first) ? 0 : 1) }
      kept = Process.wait2(child).last.success?
      Fiddle.dlopen(#{entry.path.dump})
      later = AllocStats.allocator
      [same, kept, first.verdict, later.verdict, first.path == later.path, later.functions == first.functions]
    RUBY
    assert_equal [true, true, "sole", "mapped_unused", true, true], told
  end

  def test_the_environment_of_the_start_is_kept_before_a_title_is_written_over_it
    read, unread = [true, false].map do |first|
      ChildProcess.ruby(<<~RUBY, env: {"OF_THE_START" => "told"}).value
        AllocStats::Procfs::StartEnvironment.new.to_h if #{first}
        $0 = "x" * 20_000
        own = [AllocStats::Procfs::StartEnvironment.new["OF_THE_START"], AllocStats.settings.certain?]
        input, output = IO.pipe
        Process.wait(fork { output.write(Marshal.dump(AllocStats::Procfs::StartEnvironment.new["OF_THE_START"])); exit!(0) })
        output.close
        [own, Marshal.load(input.read)]
      RUBY
    end
    assert_equal [["told", true], "told"], read
    assert_equal [[nil, false], nil], unread
  end

  def test_a_forked_worker_has_nothing_left_to_load
    loaded = [true, false].map do |eager|
      ChildProcess.ruby(<<~RUBY).value
        require "json"
        AllocStats.eager_load! if #{eager}
        #{SERVE}
        before = $LOADED_FEATURES.size
        input, output = IO.pipe
        Process.wait(fork { all.each { |request| serve.call(*request) }; output.write($LOADED_FEATURES.drop(before).join("\\n")); exit!(0) })
        output.close
        input.read.lines(chomp: true)
      RUBY
    end
    assert_empty loaded.first
    assert_operator loaded.last.size, :>, 50
  end
end
