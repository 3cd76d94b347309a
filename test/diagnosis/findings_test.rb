# frozen_string_literal: true

require "test_helper"
require "etc"
require "json"
require "pp"
require "tmpdir"

# What findings make of facts, where this machine cannot be brought into the state; and what a diagnosis is.
class DiagnosisFindingsTest < Minitest::Test
  Diagnosis = AllocStats::Diagnosis
  MIB = 1 << 20

  # A target of which these facts are known, and of the others that there is nothing of the kind.
  class Made < Diagnosis::Target
    def initialize(facts, unseen: {}, **options)
      super(**options)
      @made, @hidden = facts, unseen
    end

    def title = "a made process"

    private

    def take(fact)
      return @made[fact] if @made.key?(fact)
      return unseen(fact, @hidden[fact]) if @hidden.key?(fact)
      [:kept, :growth].include?(fact) ? super : void(fact, "nothing of the kind")
    end
  end

  def names(facts, **options) = Diagnosis.of(Made.new(facts, **options)).findings.map(&:name)

  def memory(**figures)
    {rss: 200 * MIB, swap: 0, huge: 0, limit: nil, cgroup: {limit: nil, usage: nil, events: {oom_kill: 0}}}.merge(figures)
  end

  def allocator(name, version = nil) = {name: name, version: version, title: [name, version].compact.join(" "), evidence: []}

  def test_swap_counts_by_ratio_and_bytes
    assert_equal [:swap], names({memory: memory(swap: 30 * MIB)})
    assert_empty names({memory: memory(swap: 10 * MIB)}), "few bytes"
    assert_empty names({memory: memory(rss: 9000 * MIB, swap: 30 * MIB)}), "a small share"
    finding = Diagnosis.of(Made.new({memory: memory(swap: 30 * MIB)})).findings.first
    assert_equal 30 * MIB, finding.cost
    assert_match(/13\.0 %/, finding.evidence.first)
  end

  def test_emptied_pages_of_rubys_heap_count_by_ratio_and_bytes
    heap = ->(mib) { {memory: memory, ruby_heap: {emptied: mib * MIB, page_bytes: 65_536}} }
    assert_equal [:ruby_heap_emptied], names(heap[100])
    assert_empty names(heap[31]), "few bytes"
    assert_empty names(heap[100].merge(memory: memory(rss: 900 * MIB))), "a small share"
    finding = Diagnosis.of(Made.new(heap[100])).findings.first
    assert_equal 100 * MIB, finding.cost
    assert_match(/heap_empty_pages\) is 1600, of 64\.0 KiB each/, finding.evidence.first)
  end

  # minutes of samples, one every ten seconds; each figure by the second
  def history(minutes, rss:, live: ->(_) {}, kept: ->(_) {})
    {points: (0..minutes * 6).map { |i| [1_700_000_000.0 + i * 10, rss.call(i * 10), live.call(i * 10), kept.call(i * 10)] }}
  end

  def climbing(from, per_hour) = ->(second) { (from + per_hour * second / 3600.0).round }

  def test_live_memory_that_grows_in_a_history
    found = Diagnosis.of(Made.new({history: history(60, rss: climbing(200 * MIB, 60 * MIB), live: climbing(100 * MIB, 60 * MIB))})).findings
    assert_equal [:growing], found.map(&:name)
    assert_match(/live in malloc grows by 60\.\d MiB an hour/, found.first.summary)
    assert_in_delta 40 * MIB, found.first.cost, MIB
  end

  def test_retention_in_a_history
    growing = history(60, rss: climbing(200 * MIB, 60 * MIB), live: climbing(100 * MIB, 1 * MIB), kept: climbing(50 * MIB, 59 * MIB))
    assert_equal [:retention], names({history: growing})
    unknown = Diagnosis.of(Made.new({history: history(60, rss: climbing(200 * MIB, 60 * MIB))})).findings
    assert_equal [:growing], unknown.map(&:name)
    assert_match(/cannot be told/, unknown.first.summary)
  end

  # The fault that this began with: what is live in malloc stayed, nothing was kept, and the allocator was said to keep it.
  def test_a_layer_is_the_cause_only_when_its_own_figure_moved
    base = {ruby_heap: 50, ruby_heap_live: 40, files: 20, stacks: 1, live: 60, kept: 10}
    {ruby_objects: [:ruby_heap, :ruby_heap_live], files: [:files], stacks: [:stacks], retention: [:kept], mappings: []}.each do |verdict, layers|
      points = layered(base, layers, 60)
      diagnosis = Diagnosis.of(Made.new({history: {points: points}}))
      assert_equal [verdict], diagnosis.findings.map(&:name), verdict
      assert_equal verdict, diagnosis.growth
      assert_in_delta 40 * MIB, diagnosis.findings.first.cost, 3 * MIB, verdict
    end
    assert_equal [:growing], names({history: {points: layered(base, [:live], 60)}})
    assert_equal [:growing], names({history: {points: layered(base.merge(ruby_heap_live: nil), [:ruby_heap], 60)}}), "what is live of it was not told"
    free = Diagnosis.of(Made.new({history: {points: layered(base, [:ruby_heap], 60)}}))
    assert_equal [:growing], free.findings.map(&:name), "free slots are no objects"
  end

  # Points of an hour in which these layers, or what is none of them, grow by so many MiB.
  def layered(base, growing, mib)
    total = base.slice(:ruby_heap, :files, :stacks, :live, :kept).values.sum + 10
    (0..360).map do |i|
      more = mib * i / 360.0
      bytes = base.to_h { |name, size| [name, size && ((size + (growing.include?(name) ? more : 0)) * MIB).round] }
      [1_700_000_000.0 + i * 10, ((total + more) * MIB).round, bytes[:live], bytes[:kept], nil, bytes[:ruby_heap], bytes[:ruby_heap_live], bytes[:files], bytes[:stacks]]
    end
  end

  # glibc counts live bytes only when asked. What is kept now and is more than all that malloc had then was not kept then.
  def test_retention_by_a_count_at_the_end
    points = layered({ruby_heap: 50, ruby_heap_live: 40, files: 20, stacks: 1, live: 30, kept: 0}, [:live], 300)
    points = points.map { |time, rss, live, _, _, *others| [time, rss, nil, nil, live, *others] }
    ledger = ->(live, kept) { {rss: points.last[1], layers: {malloc_live: live * MIB, malloc_kept: kept * MIB}, reasons: {}} }
    kept = Diagnosis.of(Made.new({history: {points: points}, ledger: ledger[30, 300]}))
    assert_equal [:retention], kept.findings.map(&:name)
    assert_operator kept[:retention].cost, :<=, 270 * MIB
    assert_match(/of malloc's memory 30\.0 MiB are live now/, kept[:retention].evidence.join)
    [ledger[320, 10], ledger[200, 130], nil].each do |count|
      assert_equal :growing, Diagnosis.of(Made.new({history: {points: points}, ledger: count})).growth, count.inspect
    end
  end

  def test_what_slows_down_is_warming_up
    slowing = history(60, rss: ->(second) { ((100 + 200 * (1 - Math.exp(-second / 900.0))) * MIB).round })
    diagnosis = Diagnosis.of(Made.new({history: slowing}))
    assert_equal [:warming_up, []], [diagnosis.growth, diagnosis.findings]
    young = Diagnosis.of(Made.new({history: history(20, rss: climbing(200 * MIB, 600 * MIB))}))
    assert_equal [:warming_up, []], [young.growth, young.findings]
    assert_match(/\Awarming up: the history has 121 points of 20 minutes, and growth is told from 10 points and 54 minutes on/, young.unseen.fetch(:growing))
    assert_equal :steady, Diagnosis.of(Made.new({history: history(60, rss: ->(_) { 200 * MIB })})).growth
    assert_nil Diagnosis.of(Made.new({})).growth
  end

  def test_a_finding_clears_with_its_state
    gone = history(60, rss: ->(_) { 200 * MIB })[:points]
    target = Diagnosis::Target::ThisProcess.new
    target.define_singleton_method(:read_history) { {points: gone} }
    target.define_singleton_method(:read_memory) { {rss: 200 * MIB, cgroup: {}} }
    assert_equal 200 * MIB, target.peak, "what passed before the history began is forgotten"
    gone[100] = [gone[100][0], 500 * MIB]
    later = Diagnosis::Target::ThisProcess.new
    later.define_singleton_method(:read_history) { {points: gone} }
    assert_equal 500 * MIB, later.peak
  end

  def test_a_check_that_raises_costs_only_its_own_finding
    broken = Class.new(Diagnosis::Checks::Swap) do
      def self.finding_name = :swap

      def finding = raise(KeyError, "key not found: :odd")
    end
    broken.needs :memory
    diagnosis = Diagnosis.of(Made.new({memory: memory(swap: 100 * MIB, cgroup: {events: {oom_kill: 2}})}), checks: [broken, Diagnosis::Checks::OutOfMemoryKills])
    assert_equal [:out_of_memory_kills], diagnosis.findings.map(&:name)
    assert_equal({swap: "the check itself failed: key not found: :odd (KeyError)"}, diagnosis.unseen)
    refute_includes diagnosis.checked, :swap
  end

  def test_a_fact_that_fails_in_any_way_costs_only_its_findings
    target = Diagnosis::Target::ThisProcess.new
    target.define_singleton_method(:read_memory) { raise TypeError, "nil can't be coerced" }
    diagnosis = Diagnosis.of(target)
    assert_equal "it could not be read: nil can't be coerced (TypeError)", diagnosis.unseen.fetch(:swap)
    assert_includes diagnosis.checked, :settings_without_effect
  end

  def test_what_follows_of_a_finding_is_not_named_beside_it
    kept = {bytes: 100 * MIB, live: 20 * MIB, rss: 150 * MIB, source: "measured"}
    growing = history(60, rss: climbing(200 * MIB, 60 * MIB), live: climbing(100 * MIB, 1 * MIB), kept: climbing(50 * MIB, 59 * MIB))
    assert_equal [:retention], names({history: growing, kept: kept, allocator: allocator(:jemalloc, "5.3.0")})
    request = {entry: "/opt/libjemalloc.so.2", source: :environment, loaded: nil, allocator: true,
               reason: "/opt/libjemalloc.so.2: cannot allocate memory in static TLS block"}
    asked = {names: [:jemalloc], version: nil, source: "JEMALLOC_ENABLED=true"}
    assert_equal [:static_tls], names({preloads: [request], expected: asked, allocator: allocator(:glibc, "2.36")})
  end

  def test_histories_that_show_no_growth
    assert_empty names({history: history(60, rss: climbing(200 * MIB, 10 * MIB))}), "little"
    assert_empty names({history: history(15, rss: climbing(200 * MIB, 600 * MIB))}), "warming up"
    assert_empty names({history: history(60, rss: ->(second) { (second < 900) ? (100 + second / 9) * MIB : 200 * MIB })}), "warmed up"
    assert_empty names({history: history(60, rss: ->(second) { (second % 600 < 60) ? 900 * MIB : 200 * MIB })}), "peaks"
    assert_empty names({history: history(60, rss: climbing(400 * MIB, -100 * MIB))}), "shrinking"
    assert_empty names({history: {points: []}}.merge(growth: nil))
  end

  def test_a_fault_speaks_only_where_its_condition_is_met
    kept = {bytes: 100 * MIB, live: 20 * MIB, rss: 150 * MIB, source: "measured"}
    demand = {name: "page_commit_on_demand", source: "MIMALLOC_PAGE_COMMIT_ON_DEMAND", allocator: :mimalloc, asked: "1", state: :in_force}
    small = {name: "arena_max_object_size", source: "MIMALLOC_ARENA_MAX_OBJECT_SIZE", allocator: :mimalloc, asked: "64KiB", state: :in_force}
    hasty = [{parent: 17, child: 20, thread: "puma plgn bg 0"}]
    threads = {name: "max_background_threads", source: "MALLOC_CONF", allocator: :jemalloc, asked: "4", state: :in_force}
    {
      [allocator(:mimalloc, "3.6.0"), {settings: [demand, small]}] => [:known_fault],
      [allocator(:mimalloc, "3.6.0"), {settings: [demand]}] => [],
      [allocator(:mimalloc, "3.4.3"), {settings: [demand, small]}] => [],
      [allocator(:jemalloc, "5.1.0"), {settings: [threads]}] => [:known_fault],
      [allocator(:jemalloc, "5.3.0"), {settings: [threads]}] => [],
      [allocator(:mimalloc, "2.0.9"), {kept: kept}] => [:known_fault],
      [allocator(:mimalloc, "2.0.9"), {}] => [],
      [allocator(:mimalloc, "2.2.3"), {kept: kept}] => [:known_fault],
      [allocator(:mimalloc, "2.2.4"), {kept: kept}] => [:memory_kept],
      [allocator(:mimalloc, "3.1.3"), {kept: kept}] => [:known_fault],
      [allocator(:mimalloc, "3.1.4"), {kept: kept}] => [:memory_kept],
      [allocator(:mimalloc, "3.6.0"), {hasty_forks: hasty}] => [:known_fault],
      [allocator(:mimalloc, "3.3.0"), {hasty_forks: hasty}] => [:known_fault],
      [allocator(:mimalloc, "3.6.0"), {hasty_forks: hasty, kept: kept}] => [:memory_kept, :known_fault],
      [allocator(:mimalloc, "3.6.0"), {hasty_forks: []}] => [],
      [allocator(:mimalloc, "3.6.1"), {hasty_forks: hasty}] => [],
      [allocator(:mimalloc, "3.2.8"), {hasty_forks: hasty}] => [],
      [allocator(:jemalloc, "5.3.0"), {hasty_forks: hasty}] => [],
      [allocator(:mimalloc), {kept: kept}] => [:memory_kept],
      [allocator(:jemalloc, "5.3.0-1-gdeadbeef"), {kept: kept}] => [:memory_kept]
    }.each { |(running, facts), expected| assert_equal expected, names(facts.merge(allocator: running)), [running, facts].inspect }
  end

  def test_every_finding_is_whole
    assert_equal Diagnosis::Checks.names.uniq, Diagnosis::Checks.names
    files = Dir.glob("#{ChildProcess::LIB}/allocstats/diagnosis/checks/*.rb").map { |path| File.basename(path, ".rb").to_sym }
    assert_equal files.sort, Diagnosis::Checks.names.sort
    Diagnosis::Checks.all.each do |finding|
      assert_operator finding, :<, Diagnosis::Check
      assert_empty finding.explained - Diagnosis::Checks.names
      refute_empty finding.missing(Made.new({}, unseen: Diagnosis::Target::FACTS.transform_values { "hidden" })), finding.name
    end
  end

  def test_the_documentation_has_every_finding
    rows = File.read(File.expand_path("../../docs/doctor.md", __dir__)).scan(/^\| `(\w+)` \|/).flatten.map(&:to_sym)
    assert_equal Diagnosis::Checks.names.sort, rows.sort
  end

  def test_what_cannot_be_seen_is_not_called_healthy_in_silence
    hidden = Diagnosis::Target::FACTS.transform_values { "it is dark" }
    diagnosis = Diagnosis.of(Made.new({}, unseen: hidden))
    assert_predicate diagnosis, :healthy?
    assert_empty diagnosis.checked
    assert_equal Diagnosis::Checks.names.sort, diagnosis.unseen.keys.sort
    assert_equal ["it is dark"], diagnosis.unseen.values.uniq
    assert_match(/not looked at: preload not loaded, /, diagnosis.summary)
  end

  def test_a_fact_that_cannot_be_read_costs_only_its_findings
    target = Diagnosis::Target::ThisProcess.new
    target.define_singleton_method(:read_memory) { raise AllocStats::Error, "no /proc here" }
    diagnosis = Diagnosis.of(target)
    assert_equal "no /proc here", diagnosis.unseen.fetch(:swap)
    assert_includes diagnosis.checked, :settings_without_effect
  end

  def test_what_is_wrong_comes_first_and_then_what_costs_most
    facts = {allocator: allocator(:glibc, "2.36"), expected: {names: [:jemalloc], version: nil, source: "JEMALLOC_ENABLED=true"}, memory: memory(swap: 100 * MIB),
             kept: {bytes: 90 * MIB, live: 10 * MIB, rss: 150 * MIB, source: "measured"}}
    diagnosis = Diagnosis.of(Made.new(facts))
    assert_equal [:allocator_not_as_asked, :swap, :memory_kept], diagnosis.findings.map(&:name)
    assert_equal :wrong, diagnosis.verdict
    assert_equal 2, diagnosis.status
    assert_equal 100 * MIB, diagnosis[:swap].cost
    assert_nil diagnosis[:growing]
    assert_raises(AllocStats::UnknownName) { diagnosis[:swapped] }
  end

  def test_the_text
    diagnosis = Diagnosis.of(Made.new({memory: memory(swap: 100 * MIB)}, unseen: {load_error: "x", processors: "no one told"}))
    text = Diagnosis::Text.new(diagnosis, unicode: false).to_s
    assert_equal "A made process: 1 finding.", text.lines.first.chomp
    assert_includes text, "warning: 100.0 MiB of this process are swapped out.\n"
    assert_match(/^  \* 200\.0 MiB are resident: 33\.3 %/, text)
    assert_match(/^  mend: sysctl vm\.swappiness=1 /, text)
    assert_operator text.lines.map(&:length).max, :<=, AllocStats::Formats::Page::WIDTH + 1
    assert_equal diagnosis.to_s.chomp, diagnosis.inspect
    assert_equal diagnosis.inspect, diagnosis.pretty_inspect.chomp
    coloured = Diagnosis::Text.new(diagnosis, colour: true).to_s
    assert_equal Diagnosis::Text.new(diagnosis).to_s, coloured.gsub(/\e\[[\d;]*m/, "")
  end

  # What the endpoint tells of this very process, as it arrives; but for the peak that other tests may have given it.
  def report
    @report ||= JSON.parse(AllocStats::Rack::StatusDocument.new.json, symbolize_names: true).tap do |told|
      assert_operator told[:host_facts][:peak], :>=, told[:sample][:rss] / 2
      told[:host_facts][:peak] = told[:sample][:rss]
    end
  end

  def remote(*reports, **options)
    Diagnosis::Target::Remote.new(-> { (reports.size > 1) ? reports.shift : reports.first }, address: "http://web", **options).tap { |target| target.define_singleton_method(:pause) { |_| nil } }
  end

  def test_a_report_has_what_the_findings_need
    diagnosis = Diagnosis.of(remote(report))
    assert_empty diagnosis.findings, diagnosis.to_s
    # History is not kept here, a census not taken, and what ENV was changed to is nobody's business.
    assert_empty diagnosis.unseen.keys - [*Diagnosis::Growth::VERDICTS, :memory_kept, :preload_scrubbed]
  end

  def test_states_behind_an_endpoint
    told = report.merge(host_facts: report[:host_facts].merge(threads: {ruby: 5}, background_threads: true), allocator: report[:allocator].merge(name: "jemalloc", version: "5.3.0"))
    assert_equal [:background_threads_dead], Diagnosis.of(remote(told)).findings.map(&:name)
    told = report.merge(allocator: report[:allocator].merge(verdict: "mixed"))
    assert_equal [:mixed_allocators], Diagnosis.of(remote(told)).findings.map(&:name)
    told = report.merge(host_facts: report[:host_facts].merge(expected: {names: ["mimalloc"], version: nil, source: "MIMALLOC_ENABLED=true"}))
    assert_equal [:allocator_not_as_asked], Diagnosis.of(remote(told)).findings.map(&:name)
    told = report.merge(history: {interval: 10, points: history(60, rss: climbing(200 * MIB, 60 * MIB), live: climbing(100 * MIB, 60 * MIB))[:points]})
    assert_equal [:growing], Diagnosis.of(remote(told)).findings.map(&:name)
  end

  def test_two_readings_behind_an_endpoint
    first, second = [200, 240].map { |size| report.merge(sample: report[:sample].merge(rss: size * MIB)) }
    found = Diagnosis.of(remote(first, second, wait: 1)).findings
    assert_equal [:growing], found.map(&:name)
    assert_match(/cannot be told here/, found.first.summary)
    assert_empty Diagnosis.of(remote(first, first, wait: 1)).findings
  end

  def test_reports_that_lack_something
    assert_raises(AllocStats::Unsupported) { remote({}) }
    assert_raises(AllocStats::Unsupported) { remote({allocator: "jemalloc"}) }
    bare = {allocator: report[:allocator], absent: {ledger: "/proc/self/smaps: Permission denied"}}
    diagnosis = Diagnosis.of(remote(bare))
    assert_equal "/proc/self/smaps: Permission denied", diagnosis.unseen.fetch(:ruby_heap_fragmented)
    assert_match(/\Aprocess at http:/, diagnosis.target)
  end

  # Whoever is asked may answer anything.
  def test_a_told_diagnosis_is_believed_in_its_form_alone
    whole = JSON.parse(JSON.generate(Diagnosis.of(Made.new({memory: memory(swap: 100 * MIB)})).to_h), symbolize_names: true)
    told = Diagnosis::Told.read(whole, "http://web")
    assert_equal [[:swap], :warnings, 1, 100 * MIB], [told.findings.map(&:name), told.verdict, told.status, told[:swap].cost]
    finding = whole[:findings].first
    [{}, whole.merge(target: nil), whole.merge(findings: {}), whole.merge(findings: [1]), whole.merge(findings: [finding.merge(severity: "odd")]),
      whole.merge(findings: [finding.merge(cost: -1)]), whole.merge(findings: [finding.merge(cost: 1.5)]), whole.merge(findings: [finding.merge(name: "../x")]),
      whole.merge(growth: "odd"), whole.merge(growth: 1), whole.merge(unseen: []), whole.merge(unseen: {swap: nil}), whole.merge(checked: ["<b>"])].each do |odd|
      error = assert_raises(AllocStats::Unsupported, odd.inspect) { Diagnosis::Told.read(odd, "http://web") }
      assert_equal "http://web answers something that is no diagnosis of this version of allocstats", error.message
    end
    assert_operator Diagnosis::Told.read(whole.merge(findings: [finding] * 1_000), "x").findings.size, :<=, Diagnosis::Told::MOST
  end

  def test_odd_arguments
    [0, -1, "1", Float::NAN, 100_000].each { |wait| assert_raises(AllocStats::InvalidValue, wait.inspect) { AllocStats.doctor(wait: wait) } }
    assert_raises(AllocStats::UnknownName) { AllocStats.doctor(expect: "jmalloc") }
    assert_raises(AllocStats::InvalidValue) { AllocStats.doctor(pid: 1, wait: 1, purge: true) }
    assert_raises(AllocStats::InvalidValue) { AllocStats.doctor(pid: "one") }
    assert_equal AllocStats.doctor.target, AllocStats.doctor(pid: Process.pid).target
  end

  def test_what_the_environment_asks_for
    {
      {} => nil, {"JEMALLOC_ENABLED" => "false"} => [:glibc, :musl], {"ALLOCSTATS_ALLOCATOR" => "nonsense"} => nil,
      {"ALLOCSTATS_ALLOCATOR" => "/opt/libjemalloc.so.2"} => [:jemalloc], {"ALLOCSTATS_ALLOCATOR" => "jemalloc", "ALLOCSTATS_ONLY" => "ruby"} => nil,
      {"ALLOCSTATS_ALLOCATOR" => "mimalloc"} => [:mimalloc], {"ALLOCSTATS_ALLOCATOR" => "jemalloc-5.3.1"} => [:jemalloc],
      {"JEMALLOC_ENABLED" => "true", "MIMALLOC_ENABLED" => "false"} => [:jemalloc],
      {"ALLOCSTATS_ALLOCATOR" => "glibc", "JEMALLOC_ENABLED" => "true"} => [:glibc]
    }.each { |variables, expected| assert expected == Diagnosis::Expectation.in(variables)&.fetch(:names), variables.inspect }
    assert_raises(AllocStats::InvalidValue) { Diagnosis::Expectation.in("JEMALLOC_ENABLED" => "true", "MIMALLOC_ENABLED" => "true") }
  end

  def test_a_version_that_was_asked_for
    asked = Diagnosis::Expectation.in("ALLOCSTATS_ALLOCATOR" => "jemalloc-5.3.1")
    assert_empty names({allocator: allocator(:jemalloc, "5.3.1"), expected: asked})
    assert_empty names({allocator: allocator(:jemalloc), expected: asked})
    found = Diagnosis.of(Made.new({allocator: allocator(:jemalloc, "5.3.0"), expected: asked})).findings
    assert_equal ["jemalloc 5.3.1 was asked for, and jemalloc 5.3.0 runs."], found.map(&:summary)
  end

  def test_processors_of_both_versions
    Dir.mktmpdir do |root|
      put = ->(path, text) { FileUtils.mkdir_p(File.dirname("#{root}/#{path}")) && File.write("#{root}/#{path}", text) }
      put["proc/self/cgroup", "0::/app/web\n"]
      put["proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw\n"]
      put["sys/fs/cgroup/app/web/cpu.max", "max 100000\n"]
      put["sys/fs/cgroup/app/cpu.max", "150000 100000\n"]
      assert_equal({seen: Etc.nprocessors, quota: 1.5, source: "/sys/fs/cgroup/app/cpu.max"}, Diagnosis::Processors.new(root: root).to_h)
      put["proc/self/cgroup", "3:cpu,cpuacct:/docker/abc\n2:memory:/x\n0::/\n"]
      put["proc/self/mountinfo", "31 23 0:27 /docker/abc /sys/fs/cgroup/cpu rw shared:4 - cgroup cgroup rw,cpu,cpuacct\n"]
      put["sys/fs/cgroup/cpu/cpu.cfs_quota_us", "50000\n"]
      put["sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"]
      assert_equal 0.5, Diagnosis::Processors.new(root: root).to_h[:quota]
      put["sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n"]
      assert_nil Diagnosis::Processors.new(root: root).to_h[:quota]
      put["proc/self/cgroup", "odd\n"]
      assert_nil Diagnosis::Processors.new(root: root).to_h[:quota]
    end
  end

  def test_what_lies_around_malloc
    told = AllocStats.host_facts
    assert_equal [*AllocStats::Diagnosis::HostFacts::NAMES, :reasons], told.to_h.keys
    assert_equal Etc.nprocessors, told.processors[:seen]
    assert_operator told.peak, :>, MIB
    assert_operator told.threads.values.sum, :>=, 1
    AllocStats::Diagnosis::HostFacts::NAMES.each { |name| assert told.public_send(name).nil? == told.reasons.key?(name), name.to_s }
  end
end
