# frozen_string_literal: true

require "test_helper"
require "support/another_ruby"
require "support/archive_server"
require "support/command_line"
require "support/control_group"
require "support/diagnosing"
require "support/puma_server"

# `allocstats doctor`: of itself, of other processes from outside, of a process behind an endpoint; and bad input.
class DoctorCommandTest < Minitest::Test
  include Diagnosing

  MIB = 1 << 20

  # --- itself ---

  def test_a_healthy_environment_is_one_calm_sentence
    result = doctor
    assert_equal 0, result.status.exitstatus
    assert_match(/\AA Ruby started in this environment, under glibc [\d.]+, is healthy: \d+ checks, nothing found\.\n\z/, result.stdout.gsub(/\n(?!\z)/, " "))
    assert_empty result.stderr
  end

  def test_what_is_wrong_is_told_with_what_mends_it
    result = doctor(env: {"JEMALLOC_ENABLED" => "true"})
    assert_equal 2, result.status.exitstatus
    assert_match(/^wrong: jemalloc was asked for, and glibc [\d.]+ runs\.$/, result.stdout)
    assert_match(/^  . JEMALLOC_ENABLED=true asks for jemalloc$/, result.stdout)
    assert_match(/^  mend: allocstats exec --allocator jemalloc -- COMMAND$/, result.stdout)
  end

  def test_warnings_have_a_status_of_their_own
    assert_equal 1, doctor(env: {"MIMALLOC_PURGE_DELAY" => "0"}).status.exitstatus
  end

  def test_as_json
    result = doctor("--json", "--expect", "mimalloc")
    assert_equal 2, result.status.exitstatus
    told = JSON.parse(result.stdout, symbolize_names: true)
    assert_equal %i[target allocator verdict growth summary findings checked unseen], told.keys
    assert_only :allocator_not_as_asked, told, severity: "wrong"
    assert_equal %i[name severity summary evidence cost remedy], told[:findings].first.keys
  end

  def test_two_readings_with_a_purge_between
    result = doctor("--wait", "0.1", "--purge", "--json")
    assert_equal 0, result.status.exitstatus, result.stdout
    assert_empty JSON.parse(result.stdout)["unseen"]
  end

  def test_help
    result = doctor("--help")
    assert_equal 0, result.status.exitstatus
    %w[--pid --url --token --expect --wait --purge --json].each { |option| assert_includes result.stdout, option }
  end

  # --- another process ---

  # What is seen from outside of a state: [what the process does, the finding, its severity].
  OUTSIDE = {
    preload_not_loaded: [{"LD_PRELOAD" => "/nowhere/libjemalloc.so.2"}, "", "wrong"],
    allocator_not_as_asked: [{"ALLOCSTATS_ALLOCATOR" => "jemalloc"}, "", "wrong"],
    settings_without_effect: [{"MALLOC_CONF" => "narenas:1"}, "", "warning"],
    peak: [{}, "all = 'x' * 350_000_000; all = nil; GC.start; GC.start", "warning"]
  }.freeze

  OUTSIDE.each do |name, (env, code, severity)|
    define_method(:"test_#{name}_from_outside") do
      AnotherRuby.run(code, env: env) do |pid|
        result = doctor("--pid", pid.to_s, "--json")
        assert_equal((severity == "wrong") ? 2 : 1, result.status.exitstatus)
        assert_only name, JSON.parse(result.stdout, symbolize_names: true), severity: severity
      end
    end
  end

  def test_a_lost_preload_from_outside
    skip jemalloc.missing if jemalloc.missing
    AnotherRuby.run(env: jemalloc.env, afterwards: "pid = spawn({\"LD_PRELOAD\" => nil}, RbConfig.ruby, '-e', 'puts :inner; $stdout.flush; sleep'); puts pid; $stdout.flush; Process.wait(pid)") do |_, io|
      pid = [io.gets, io.gets].grep(/\A\d+$/).first.to_i
      diagnosis = AllocStats.doctor(pid: pid)
      assert_equal [:preload_lost], diagnosis.findings.map(&:name), diagnosis.to_s
      Process.kill(:KILL, pid)
    end
  end

  def test_dead_background_threads_from_outside
    skip jemalloc.missing if jemalloc.missing
    env = jemalloc.env.merge("MALLOC_CONF" => "background_thread:true")
    AnotherRuby.run(env: env, afterwards: "pid = fork { sleep }; puts pid; $stdout.flush; Process.wait(pid)") do |parent, io|
      child = Integer(io.gets)
      assert_predicate AllocStats.doctor(pid: parent), :healthy?
      diagnosis = AllocStats.doctor(pid: child)
      assert_equal [:background_threads_dead], diagnosis.findings.map(&:name), diagnosis.to_s
      Process.kill(:KILL, child)
    end
  end

  # Workers that know nothing of allocstats, and whose environment a title has been written over.
  def test_workers_whose_background_threads_stayed_in_the_master
    skip jemalloc.missing if jemalloc.missing
    env = jemalloc.env.merge("MALLOC_CONF" => "background_thread:true")
    PumaServer.run(rackup: "run(->(_) { [200, {}, [Process.pid.to_s]] })", workers: 2, env: env) do |server|
      diagnosis = AllocStats.doctor(pid: Integer(server.get("/").body))
      assert_equal [:background_threads_dead], diagnosis.findings.map(&:name), diagnosis.to_s
    end
  end

  def test_a_limit_that_is_near_from_outside
    group = ControlGroup.of("memory", "memory.limit_in_bytes" => 160 * MIB, "memory.max" => 160 * MIB)
    skip group.missing if group.missing
    group.open do
      AnotherRuby.run("#{group.join}; $all = 'x' * #{150 * MIB}") do |pid|
        diagnosis = AllocStats.doctor(pid: pid)
        assert_equal [:limit_near], diagnosis.findings.map(&:name), diagnosis.to_s
      end
    end
  end

  def test_growth_from_outside
    AnotherRuby.run(afterwards: "$stdin.gets; $all = 'x' * #{40 * MIB}; puts :done; $stdout.flush; sleep") do |pid, io|
      target = AllocStats::Diagnosis::Target::Outside.new(pid, wait: 1)
      target.define_singleton_method(:pause) { |_| io.puts || io.gets }
      diagnosis = AllocStats::Diagnosis.of(target)
      assert_equal [:growing], diagnosis.findings.map(&:name), diagnosis.to_s
      assert_match(/cannot be told here/, diagnosis.findings.first.summary)
    end
  end

  def test_what_cannot_be_seen_from_outside_is_said
    AnotherRuby.run do |pid|
      result = doctor("--pid", pid.to_s)
      assert_equal 0, result.status.exitstatus, result.stdout
      text = result.stdout.tr("\n", " ")
      assert_match(/under most likely glibc, is healthy/, text)
      assert_match(/not looked at: mixed allocators, .*memory kept/, text)
      told = JSON.parse(doctor("--pid", pid.to_s, "--json").stdout)
      assert_match(/only the process itself can tell/, told["unseen"]["mixed_allocators"])
    end
  end

  def test_a_process_with_a_title_over_its_environment
    AnotherRuby.run("$0 = 'puma: cluster worker 0: 71 [' + 'app' * 500 + ']'", env: {"LD_PRELOAD" => "/nowhere/libjemalloc.so.2"}) do |pid|
      diagnosis = AllocStats.doctor(pid: pid)
      assert_match(/a title was written over it/, diagnosis.unseen.fetch(:preload_not_loaded))
      assert_match(/\Aprocess #{pid} \(puma: cluster worker 0: 71 \[appapp/, diagnosis.target)
    end
  end

  # --- behind an endpoint ---

  RACKUP = %(require "allocstats"\nmap("/allocator") { run AllocStats::Rack::Endpoint.new(environment: ENV.fetch("RACK_ENV")) }\n)

  def test_a_process_behind_an_endpoint
    skip jemalloc.missing if jemalloc.missing
    env = {"ALLOCSTATS_TOKEN" => "a-secret-of-the-test", "RACK_ENV" => "production"}
    PumaServer.run(rackup: RACKUP, allocator: jemalloc, env: env) do |server|
      url = "http://127.0.0.1:#{server.port}/allocator"
      result = doctor("--url", url, env: {"ALLOCSTATS_TOKEN" => "a-secret-of-the-test"})
      assert_equal 0, result.status.exitstatus, result.stdout + result.stderr
      assert_match(/under jemalloc 5\.3\.0, is healthy/, result.stdout.tr("\n", " "))
      told = JSON.parse(doctor("--url", url, "--token", "a-secret-of-the-test", "--expect", "mimalloc", "--json").stdout, symbolize_names: true)
      assert_only :allocator_not_as_asked, told, severity: "wrong"
      assert_failure 77, /answers 401/, doctor("--url", url)
      assert_failure 77, /does not open it/, doctor("--url", url, "--token", "another")
      assert_failure 66, /there is no endpoint/, doctor("--url", "#{url}/nowhere", "--token", "a-secret-of-the-test")
    end
  end

  def test_a_bad_state_behind_an_endpoint
    env = {"ALLOCSTATS_TOKEN" => "a-secret-of-the-test", "LD_PRELOAD" => "/nowhere/libjemalloc.so.2"}
    PumaServer.run(rackup: RACKUP, env: env) do |server|
      result = doctor("--url", "http://127.0.0.1:#{server.port}/allocator", "--token", "a-secret-of-the-test", "--json")
      assert_only :preload_not_loaded, JSON.parse(result.stdout, symbolize_names: true), severity: "wrong", evidence: /no such file/
    end
  end

  # What it found is said there, and shown here.
  def test_an_endpoints_own_diagnosis_is_what_is_shown
    told = AllocStats.doctor.to_h.merge(target: "this process (7, puma)", verdict: "warnings", growth: "steady",
      findings: [{name: "swap", severity: "warning", summary: "A \e[31mlot is swapped out.", evidence: ["seen"], cost: 5 << 20, remedy: "more memory"}])
    ArchiveServer.open("/a/doctor.json" => [200, JSON.generate(told)]) do |server|
      result = doctor("--url", server.url("/a"))
      assert_equal 1, result.status.exitstatus
      assert_match(%r{\AThe process \(7, puma\) at http://127\.0\.0\.1:\d+/a, under glibc [\d.]+: 1 finding\.$}, result.stdout)
      assert_match(/lot is swapped out\. It costs 5\.0 MiB/, result.stdout)
      refute_includes result.stdout, "\e"
    end
  end

  def test_an_endpoint_of_an_older_version
    report = JSON.generate(allocstats: "0.0.9", allocator: {name: "jemalloc", version: "5.3.0"}, sample: {rss: 1}, absent: {})
    ArchiveServer.open("/a/report.json" => [200, report]) do |server|
      assert_failure 69, /is an endpoint of an older version of allocstats, 0\.0\.9: it has no doctor\.json\. With --wait/, doctor("--url", server.url("/a"))
      assert_equal 0, doctor("--url", server.url("/a"), "--wait", "0.1").status.exitstatus
    end
  end

  # --- bad input ---

  def test_bad_input_is_one_sentence_and_a_status
    {
      %w[--pid 99999999] => [66, /there is no process 99999999/],
      %w[--pid 0] => [64, /a number above 0/],
      %w[--pid one] => [64, /invalid argument: --pid one/],
      %w[--pid] => [64, /missing argument/],
      %w[--url nonsense] => [64, /no address of an endpoint/],
      %w[--url http://127.0.0.1:1/allocator] => [69, /cannot be reached/],
      %w[--expect jmalloc] => [64, /did you mean jemalloc/],
      %w[--wait 0] => [64, /seconds from above 0/],
      %w[--wait soon] => [64, /invalid argument/],
      %w[--wait NaN] => [64, /invalid argument|seconds from above/],
      %w[--purge] => [64, /goes with --wait/],
      %w[--purge --wait 1 --pid 1] => [64, /only a process itself can purge/],
      %w[--pid 1 --url http://localhost/] => [64, /name one/],
      %w[--token x] => [64, /goes with --url/],
      %w[--frobnicate] => [64, /invalid option/],
      %w[everything] => [64, /takes options only/]
    }.each { |arguments, (status, message)| assert_failure status, message, doctor(*arguments) }
  end

  def test_an_address_that_is_no_endpoint
    ArchiveServer.open("/a/report.json" => [200, "<html>"], "/b/report.json" => [200, "[1]"], "/c/report.json" => [200, "{\"a\":1}"], "/d/report.json" => [500, ""],
      "/e/report.json" => [200, "{\"allocator\":{\"name\":1},\"memory\":[1],\"settings\":2,\"history\":3}"]) do |server|
      %w[a b c d e].each { |path| assert_failure 69, /answers/, doctor("--url", server.url("/#{path}")) }
    end
  end

  def test_another_users_process
    skip "only root can become another user" unless Process.uid.zero?
    code = "Process::UID.change_privilege(65_534); load #{CommandLine::EXECUTABLE.dump}"
    result = ChildProcess.command(RbConfig.ruby, "-I#{ChildProcess::LIB}", "-rallocstats", "-rallocstats/command", "-e", code, "--", "doctor", "--pid", Process.pid.to_s, check: false)
    assert_failure 77, /process #{Process.pid} may not be looked at/, result
  end

  private

  def doctor(...) = CommandLine.run("doctor", ...)

  def assert_failure(status, message, result)
    assert_equal status, result.status.exitstatus, result.stderr + result.stdout
    assert_match(/\Aallocstats.*: .*#{message}.*\n\z/, result.stderr)
    assert_empty result.stdout
  end
end
