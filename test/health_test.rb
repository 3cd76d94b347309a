# frozen_string_literal: true

require "test_helper"
require "support/control_group"
require "support/made_tree"
require "time"

# The checks, over trees of made files and made workers; the real ones are asked in rack_server_test.rb.
class HealthTest < Minitest::Test
  MIB = 1 << 20
  WEB = "sys/fs/cgroup/app.slice/web"

  # What the checks look at, with workers that a test made.
  class MadeServer < AllocStats::Diagnosis::Target::Server
    def initialize(workers, **options)
      super(**options)
      @siblings = AllocStats::Workers.new(workers, shared: workers.size > 1)
    end
  end

  # points:: of its history: [seconds ago, rss, kept] in MiB
  def worker(index: 0, rss: 100, pss: nil, kept: nil, points: [], silent: 0, alive: true)
    figures = {**AllocStats::Worker.nothing, rss: rss && rss * MIB, pss: pss && pss * MIB, kept: kept && kept * MIB}
    row = {slot: index, index: index, pid: 1000 + index, title: "worker", alive: alive, interval: 10, reported_at: Time.now.to_f - silent, figures: figures}
    now = Time.now.to_f
    history = AllocStats::History.new(points.map { |ago, r, k| [now - ago, r * MIB, nil, k && k * MIB] }, interval: 10)
    AllocStats::Worker.new(row, own: index.zero?).dup.tap { |made| made.define_singleton_method(:history) { history } }
  end

  def health(*workers, root: "", **options)
    limits = AllocStats::Diagnosis::Limits.new(**options)
    AllocStats::Health.new(limits, MadeServer.new(workers.empty? ? [worker] : workers, root: root, limits: limits))
  end

  def found(name, *workers, **options)
    health(*workers, **options).checks.find { |check| check.name == name }
  end

  def in_container(changes = {}, &block) = MadeTree.changed("container_v2", changes, &block)

  def stat(anon) = "anon #{anon * MIB}\nfile 0\nkernel 0\nsock 0\n"

  # The document.

  def test_this_process_is_in_order
    health = AllocStats.health

    assert_equal [:pass, :pass, :pass, 200], [health.status, health.ready, health.live, health.code]
    assert_equal AllocStats::Health::CHECKS.size, health.checks.size
    assert_equal "#<AllocStats::Health pass>", health.inspect
  end

  def test_the_document_has_the_members_of_its_type
    told = JSON.parse(AllocStats::Formats::Json.generate(AllocStats.health))

    assert_equal ["status", "version", "releaseId", "serviceId", "description", "checks"], told.keys
    assert_equal ["pass", "1", AllocStats::VERSION, Process.pid.to_s], told.values_at("status", "version", "releaseId", "serviceId")
    told["checks"].each do |name, (entry, *others)|
      assert_match(/\A[a-z]+:[a-z]+\z/, name)
      assert_empty others
      assert_equal ["componentType", "observedValue", "observedUnit", "status", "output", "time"], entry.keys
      assert_includes ["pass", "warn", "fail"], entry["status"]
      assert_in_delta Time.now.to_f, Time.iso8601(entry["time"]).to_f, 10
      assert_match(/\A[^ ].*\.\z/, entry["output"])
    end
    assert_equal({status: :pass}, AllocStats.health.bare)
  end

  def test_the_worst_check_is_the_status_and_failing_alone_is_unavailable
    assert_equal [:pass, 200], health(rss: false).then { |health| [health.status, health.code] }
    at_once = {workers: {warn: {seconds: 0}}}
    warned = health(worker, worker(index: 1, alive: false), **at_once)

    assert_equal [:warn, 200, :warn, :pass], [warned.status, warned.code, warned.ready, warned.live]
    failed = health(worker, worker(index: 1, alive: false), expect: :tcmalloc, **at_once)

    assert_equal [:fail, 503, :fail, :pass], [failed.status, failed.code, failed.ready, failed.live]
  end

  def test_live_is_no_matter_of_memory
    in_container("#{WEB}/memory.stat" => stat(510)) do |root|
      health = health(worker(rss: 530), root: root, rss: {fail: {seconds: 0}}, cgroup: {fail: {seconds: 0}})

      assert_equal [:fail, :pass], [health.status, health.live]
    end
    assert_equal({status: :pass}, AllocStats::Health::LIVE)
  end

  # The checks.

  def test_the_allocator_that_is_expected
    name = AllocStats.allocator.name

    assert_equal :pass, found("allocator:owner", expect: name).status
    assert_equal :pass, found("allocator:owner", expect: name.to_s).status
    missed = found("allocator:owner", expect: :jemalloc)

    assert_equal [:fail, AllocStats.allocator.title], [missed.status, missed.value]
    assert_equal "jemalloc was expected. #{AllocStats.allocator.verdict_sentence}", missed.output
    assert_nil found("allocator:owner", allocator: false)
  end

  def test_the_allocator_under_preload
    statuses = lambda do |entry, env = {}|
      ChildProcess.ruby('["glibc", "jemalloc", nil].map { |name| AllocStats.health(expect: name).checks.first.status }', allocator: entry, env: env).value
    end
    entry = TestAllocators["jemalloc-5.3.0"]
    skip entry.missing if entry.missing

    assert_equal ["fail", "pass", "pass"], statuses.call(entry)
    assert_equal ["pass", "fail", "pass"], statuses.call(nil)
    assert_equal ["fail", "fail", "warn"], statuses.call(nil, "LD_PRELOAD" => "/no/such/libjemalloc.so.2")
  end

  def test_the_resident_set_against_the_limit_that_binds
    in_container do |root| # 512 MiB by the group above
      at_once = {root: root, rss: {warn: {seconds: 0}, fail: {seconds: 0}}}

      assert_equal [:pass, :warn, :fail], [400, 440, 490].map { |rss| found("memory:resident", worker(rss: rss), **at_once).status }
      check = found("memory:resident", worker(rss: 490), **at_once)

      assert_equal [490 * MIB, "bytes"], [check.value, check.unit]
      assert_match(%r{\A490\.0 MiB in this process, of 512\.0 MiB \(memory\.max of .*app\.slice\); at least 95 % and 64 MiB\.\z}, check.output)
    end
  end

  def test_workers_count_together_and_shared_pages_once
    in_container do |root|
      workers = [worker(rss: 300, pss: 230), worker(index: 1, rss: 300, pss: 220), worker(index: 2, rss: 400, pss: 400, alive: false)]
      check = found("memory:resident", *workers, root: root, rss: {warn: {seconds: 0}})

      assert_equal [:warn, 450 * MIB], [check.status, check.value]
      assert_match(/in 2 workers/, check.output)
      alone = found("memory:resident", workers[0], worker(index: 1, rss: 300), root: root)
      assert_equal [:pass, 300 * MIB], [alone.status, alone.value]
    end
  end

  def test_the_machine_is_a_limit_where_no_group_is
    in_container("#{WEB}/memory.max" => "max\n", "sys/fs/cgroup/app.slice/memory.max" => "max\n") do |root|
      assert_match(/of 15\.58 GiB \(the machine's memory/, found("memory:resident", root: root).output)
    end
  end

  def test_the_groups_usage_without_what_can_be_dropped
    [[300, :pass], [440, :warn], [500, :fail]].each do |anon, status|
      in_container("#{WEB}/memory.stat" => stat(anon)) do |root|
        check = found("cgroup:usage", root: root, cgroup: {warn: {seconds: 0}, fail: {seconds: 0}})

        assert_equal [status, anon * MIB], [check.status, check.value]
      end
    end
  end

  def test_a_real_control_group
    group = ControlGroup.of("memory", "memory.limit_in_bytes" => 192 * MIB, "memory.max" => 192 * MIB)
    skip group.missing if group.missing
    code = <<~RUBY
      #{group.join}
      look = -> { AllocStats.health(cgroup: {warn: {ratio: 0.4, seconds: 0}}).checks.find { |check| check.name == "cgroup:usage" }.to_h }
      [look.call, (kept = "x" * (90 << 20)) && look.call]
    RUBY
    before, after = group.open { ChildProcess.ruby(code).value }

    assert_equal ["pass", "warn"], [before[:status], after[:status]]
    assert_operator after[:observedValue], :>, before[:observedValue] + 60 * MIB
    assert_match(/of 192\.0 MiB/, after[:output])
  end

  def test_what_was_not_measured_is_not_held_against_it
    in_container("#{WEB}/memory.max" => "max\n", "sys/fs/cgroup/app.slice/memory.max" => "max\n", "#{WEB}/memory.pressure" => nil, "proc/meminfo" => nil) do |root|
      names = ["memory:resident", "cgroup:usage", "allocator:kept", "memory:growth", "memory:pressure"]
      checks = names.map { |name| found(name, worker(rss: nil), root: root) }

      assert_equal [[:pass, nil]], checks.map { |check| [check.status, check.value] }.uniq
      assert(checks.all? { |check| check.output.length > 20 })
    end
  end

  def test_ratio_and_bytes_are_needed_both
    levels = {warn: {ratio: 0.5, bytes: 256 * MIB, seconds: 0}}

    assert_equal :warn, found("allocator:kept", worker(rss: 400, kept: 300), kept: levels).status
    assert_equal :pass, found("allocator:kept", worker(rss: 300, kept: 255), kept: levels).status
    assert_equal :pass, found("allocator:kept", worker(rss: 700, kept: 300), kept: levels).status
  end

  def test_what_the_worker_keeps_that_keeps_most
    check = found("allocator:kept", worker(kept: 10), worker(index: 1, kept: 60), worker(index: 2, kept: 90, alive: false), kept: {warn: {bytes: MIB, seconds: 0}})

    assert_equal [:warn, 60 * MIB], [check.status, check.value]
    assert_match(/\Apid 1001 keeps 60\.0 MiB of 100\.0 MiB; at least 40 % and 1 MiB\.\z/, check.output)
  end

  def test_what_was_never_touched_is_not_kept
    check = found("allocator:kept", worker(rss: 100, kept: 400), kept: {warn: {ratio: 0.5, bytes: 64 * MIB, seconds: 0}})

    assert_equal [:warn, 100 * MIB], [check.status, check.value]
    assert_equal :pass, found("allocator:kept", worker(rss: 100, kept: 400)).status
  end

  def test_a_real_allocator_that_keeps_much
    entry = TestAllocators["jemalloc-5.3.0"]
    skip entry.missing if entry.missing
    before, after = ChildProcess.ruby(<<~RUBY, allocator: entry, env: {"MALLOC_CONF" => "dirty_decay_ms:-1,muzzy_decay_ms:-1"}).value
      look = -> { AllocStats.health(kept: {warn: {ratio: 0.3, bytes: 32 << 20, seconds: 0}}).checks.find { |check| check.name == "allocator:kept" }.to_h }
      before = look.call
      strings = Array.new(80_000) { |i| "x" * 1_000 }
      strings = nil
      GC.start
      [before, look.call]
    RUBY

    assert_equal ["pass", "warn"], [before[:status], after[:status]]
    assert_operator after[:observedValue], :>, 32 * MIB
  end

  def test_a_time_is_needed_too
    levels = {warn: {ratio: 0.31, bytes: MIB, seconds: 3600}}
    check = found("allocator:kept", worker(kept: 60), kept: levels)

    assert_equal :pass, check.status
    assert_match(/at least 31 % and 1 MiB for \d s so far; 3600 s would be a warn/, check.output)
  end

  def test_the_time_begins_with_the_first_look_and_anew_after_one_that_saw_nothing
    held = ->(reached) { AllocStats::Health::Since.held(:looks, reached) }

    assert_in_delta 100, held.call(Time.now - 100), 5
    assert_operator held.call(true), :>=, 100
    assert_operator held.call(Time.now - 10), :>=, 100
    assert_operator held.call(Time.now - 1000), :>=, 1000
    assert_nil held.call(false)
    assert_operator held.call(true), :<, 100
    assert_nil held.call(nil)
  end

  def test_the_history_knows_for_how_long
    levels = {warn: {ratio: 0.33, bytes: MIB, seconds: 600}}
    long = (0..70).map { |i| [700 - i * 10, 100, 60] }
    dipped = long.dup.tap { |points| points[40] = [300, 100, 20] }

    assert_equal :pass, found("allocator:kept", worker(kept: 60, points: dipped), kept: levels).status
    assert_equal :warn, found("allocator:kept", worker(kept: 60, points: long), kept: levels).status
  end

  def test_growth_by_the_history_of_the_worker_that_grows_most
    rising = (0..360).map { |i| [3600 - i * 10, 100 + i / 2, nil] }
    level = rising.map { |ago, _, _| [ago, 300, nil] }
    check = found("memory:growth", worker(rss: 300, points: level), worker(index: 1, rss: 280, points: rising))

    assert_equal [:warn, "bytes/h"], [check.status, check.unit]
    assert_in_delta 180 * MIB, check.value, 10 * MIB
    assert_match(/\Apid 1001 grows by 1\d\d\.\d MiB an hour\.\z/, check.output)
    assert_equal :pass, found("memory:growth", worker(rss: 300, points: level)).status
    assert_equal :fail, found("memory:growth", worker(rss: 280, points: rising), growth: {fail: {ratio: 0.5, bytes: 100 * MIB, seconds: 3600}}).status
  end

  def test_growth_is_not_judged_by_a_part_of_its_time
    young = (0..120).map { |i| [1200 - i * 10, 100 + i, nil] }
    check = found("memory:growth", worker(rss: 220, points: young))

    assert_equal [:pass, nil], [check.status, check.value]
    assert_equal :warn, found("memory:growth", worker(rss: 220, points: young), growth: {warn: {seconds: 1200}}).status
  end

  def test_pressure_over_the_kernels_own_windows
    in_container("#{WEB}/memory.pressure" => "some avg10=40.00 avg60=12.50 avg300=1.00 total=1\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n") do |root|
      statuses = {10 => 40.0, 60 => 12.5, 300 => 1.0}.map do |seconds, value|
        check = found("memory:pressure", root: root, pressure: {warn: {seconds: seconds}})
        assert_equal value, check.value
        check.status
      end

      assert_equal [:warn, :warn, :pass], statuses
      assert_equal :fail, found("memory:pressure", root: root, pressure: {fail: {ratio: 0.4, seconds: 10}}).status
    end
  end

  def test_workers_that_stopped_reporting
    at_once = {warn: {seconds: 0}}
    check = found("workers:reporting", worker, worker(index: 1, silent: 45), worker(index: 2, alive: false), worker(index: 3, silent: 5), workers: at_once)

    assert_equal [:warn, 2], [check.status, check.value]
    assert_equal "Of 4, 1 (pid 1001, silent for 45 s), 2 (pid 1002, dead) no longer report; at least 1.", check.output
    assert_equal [:pass, 2, "All of 2 report."], found("workers:reporting", worker, worker(index: 1)).then { |fine| [fine.status, fine.value, fine.output] }
    failing = {workers: {**at_once, fail: {count: 2, seconds: 0}}}
    assert_equal :warn, found("workers:reporting", worker, worker(index: 1, silent: 45), **failing).status
    assert_equal :fail, found("workers:reporting", worker, worker(index: 1, silent: 45), worker(index: 2, alive: false), **failing).status
  end

  def test_a_worker_without_a_report
    unheard = AllocStats::Worker.new({slot: 1, index: 1, pid: 1001, title: "worker", alive: true})

    assert_match(/\AOf 2, 1 \(pid 1001, without a report\) no longer report;/, found("workers:reporting", worker, unheard).output)
    assert_equal :pass, health(worker, unheard).status
  end

  # What can be configured.

  def test_each_check_and_each_level_can_be_switched_off
    names = AllocStats::Health::CHECKS.keys
    names.each { |name| assert_equal names - [name], AllocStats::Diagnosis::Limits.new(name => false).checks }
    none = names.to_h { |name| [name, false] }

    assert_equal [:pass, []], health(**none).then { |health| [health.status, health.checks] }
    assert_equal :pass, found("workers:reporting", worker, worker(index: 1, alive: false), workers: {warn: false, fail: false}).status
    assert_equal :pass, found("workers:reporting", worker, worker(index: 1, alive: false), workers: {warn: nil}).status
    AllocStats::Diagnosis::Thresholds::LEVELS.each_key { |name| assert_equal :pass, health(name => {warn: false, fail: false}).status }
  end

  def test_what_is_given_replaces_a_part_of_the_table
    limits = AllocStats::Diagnosis::Limits.new(rss: {fail: {ratio: 0.5}})

    assert_equal [0.5, 64 * MIB, 60], limits.of(:rss, :fail).to_a.compact
    assert_equal [0.85, 64 * MIB, 60], limits.of(:rss, :warn).to_a.compact
    assert_nil limits.of(:kept, :fail)
  end

  def test_what_does_not_fit_is_told
    {
      {expect: "jemaloc"} => /no allocator is named "jemaloc"; did you mean jemalloc\?/, {expect: 1} => /allocator/,
      {rsss: {}} => /no option of the health check is named :rsss; did you mean rss\?/, {rss: 1} => /rss is false, or a Hash/, {rss: true} => /rss is false, or/,
      {rss: {warning: {}}} => /no level of the health check rss is named :warning/, {rss: {warn: 1}} => /rss: warn is false or a Hash/,
      {rss: {warn: {share: 1}}} => /no part of the health check's rss: warn is named :share/, {rss: {warn: {count: 1}}} => /count/,
      {rss: {warn: {ratio: "0.5"}}} => /ratio, not "0.5"/, {rss: {warn: {ratio: -1}}} => /ratio/, {rss: {warn: {ratio: Float::NAN}}} => /ratio/,
      {rss: {warn: {ratio: nil}}} => /ratio/, {rss: {warn: {bytes: 1.5}}} => /whole bytes/, {rss: {warn: {bytes: -1}}} => /bytes/,
      {rss: {warn: {seconds: -1}}} => /seconds/, {rss: {warn: {seconds: 10**9}}} => /a week/, {workers: {warn: {count: 0}}} => /count/,
      {pressure: {warn: {seconds: 30}}} => /10, 60, 300, not 30/, {kept: {fail: {ratio: 0.9}}} => /kept: fail needs bytes and seconds too/
    }.each do |options, sentence|
      error = assert_raises(AllocStats::Error, options.inspect) { AllocStats.health(**options) }

      assert_match sentence, error.message
    end
  end

  def test_nothing_is_remembered_across_a_fork
    code = <<~RUBY
      since = AllocStats::Health::Since
      since.held(:x, Time.now - 100)
      reader, writer = IO.pipe
      Process.wait(fork { writer.write(since.held(:x, true).round) && exit!(0) })
      writer.close
      [since.held(:x, true).round / 100, reader.read]
    RUBY

    assert_equal [1, "0"], ChildProcess.ruby(code).value
  end
end
