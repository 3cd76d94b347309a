# frozen_string_literal: true

require "test_helper"

# A probe and a person look at the same snapshot: what one says the other does not deny. The snapshots are facts as they
# were read, in every state that probes know, at, below and above each of their levels.
class DiagnosisAgreementTest < Minitest::Test
  Diagnosis = AllocStats::Diagnosis
  MIB = 1 << 20
  PROBED = {rss: [:resident_near_limit], cgroup: [:limit_near], kept: [:memory_kept], growth: Diagnosis::Growth::VERDICTS, pressure: [:memory_pressure], workers: [:workers_silent]}.freeze

  # A target whose facts were recorded.
  class Recorded < Diagnosis::Target
    def initialize(facts, **options)
      super(**options)
      @recorded = facts
    end

    def title = "a recorded process"

    def pid = 7

    private

    def take(fact)
      return @recorded[fact] if @recorded.key?(fact)
      (fact == :growth) ? super : unseen(fact, "it was not recorded")
    end
  end

  def growing(layer, mib, seconds: 3600)
    base = {rss: 300, live: 100, kept: 40, malloc: nil, ruby_heap: 80, ruby_heap_live: 60, files: 30, stacks: 2}
    points = (0..90).map do |i|
      more = mib * i / 90.0
      [1_700_000_000.0 + seconds * i / 90.0, *base.map { |name, size| size && ((size + ([:rss, layer].include?(name) ? more : 0)) * MIB).round }]
    end
    {history: {points: points}}
  end

  def group(usage: nil, limit: 1000, pressure: nil)
    {cgroup: {version: 2, usage: usage && usage * MIB, limit: limit && limit * MIB, limit_source: "memory.max", usage_definition: "anon + sock + kernel", events: {},
              pressure: pressure && {some: {avg10: pressure, avg60: pressure, avg300: pressure}, source: "memory.pressure"}, reasons: {usage: "no usage", limit: "no limit", pressure: "no PSI"}}}
  end

  def resident(bytes, limit) = {resident: {bytes: bytes * MIB, whose: "in this process", limit: limit * MIB, source: "memory.max"}}

  def kept(bytes, rss) = {kept: {bytes: bytes * MIB, live: 10 * MIB, rss: rss * MIB, source: "by the allocator's own count"}, allocator: {name: :jemalloc, version: "5.3.0", title: "jemalloc 5.3.0", evidence: []}}

  def workers(*silent) = {workers: Array.new(4) { |i| {index: i, pid: 100 + i, alive: !silent.include?(i), stale: silent.include?(i), age: silent.include?(i) ? 60.0 : 1.0} }}

  def snapshots
    [
      {}, *[800, 849, 850, 900, 949, 950, 990].map { |usage| group(usage: usage) }, group(usage: 990, limit: nil), group(usage: nil), group(usage: 60, limit: 61),
      *[0.0, 9.99, 10.0, 55.0].map { |share| group(usage: 100, pressure: share) },
      *[800, 850, 949, 950, 1000].map { |bytes| resident(bytes, 1000) }, resident(62, 63),
      kept(63, 100), kept(64, 160), kept(64, 161), kept(500, 600), kept(200, 600), kept(240, 600),
      *[:live, :kept, :ruby_heap_live, :files, :stacks, :other].map { |layer| growing(layer, 120) },
      growing(:live, 10), growing(:live, 31), growing(:live, 33), growing(:kept, -100), growing(:files, 200, seconds: 1200),
      workers, workers(1), workers(0, 1, 2, 3), {**workers(2), **kept(500, 600), **resident(990, 1000)}
    ]
  end

  def test_never_at_odds
    assert_operator snapshots.size, :>=, 40
    said = Hash.new(0)
    snapshots.each do |facts|
      # A probe that looks for the first time has nothing that lasted: here it need not have.
      at_once = PROBED.keys.to_h { |name|
        [name, if [:growth, :pressure].include?(name)
                 {}
               else
                 {warn: {seconds: 0}, **([:rss, :cgroup].include?(name) ? {fail: {seconds: 0}} : {})}
               end]
      }
      patient, hasty = Diagnosis::Limits.new, Diagnosis::Limits.new(**at_once)
      person = Diagnosis.of(Recorded.new(facts, limits: patient))
      health = AllocStats::Health.new(hasty, Recorded.new(facts, limits: hasty))
      assert_equal PROBED.size + 1, health.checks.size
      PROBED.each_with_index do |(name, findings), index|
        row = health.checks[index + 1]
        found = person.findings.select { |finding| findings.include?(finding.name) }
        said[[name, row.status]] += 1
        explained = {rss: :limit_near, pressure: :limit_near, kept: :retention}[name]
        next if found.empty? && person.findings.any? { |finding| finding.name == explained } # it follows of that one
        assert_equal({pass: [], warn: [:warning], fail: [:wrong]}.fetch(row.status), found.map(&:severity), [facts, row].inspect)
      end
    end
    PROBED.each_key { |name| assert_equal [true, true], [said[[name, :pass]] > 0, said[[name, :warn]] > 0], "#{name} was never tried" }
  end

  # Patience is all that a probe has beyond the doctor, and it says so.
  def test_what_a_person_is_told_at_once_a_probe_tells_with_its_reason_for_waiting
    facts = kept(600, 700)
    assert_equal [:memory_kept], Diagnosis.of(Recorded.new(facts)).findings.map(&:name)
    row = AllocStats::Health.new(Diagnosis::Limits.new, Recorded.new(facts)).checks.find { |check| check.name == "allocator:kept" }
    assert_equal :pass, row.status
    assert_match(/at least 40 % and 64 MiB for \d+ s so far; 600 s would be a warn/, row.output)
  end

  # A limit that an application has set is the doctor's too.
  def test_one_table_for_both
    limits = Diagnosis::Limits.new(kept: {fail: {ratio: 0.8, bytes: MIB, seconds: 0}})
    assert_equal :wrong, Diagnosis.of(Recorded.new(kept(600, 700), limits: limits)).verdict
    assert_equal :fail, AllocStats::Health.new(limits, Recorded.new(kept(600, 700), limits: limits)).status
    assert_equal :healthy, Diagnosis.of(Recorded.new(kept(600, 700), limits: Diagnosis::Limits.new(kept: false))).verdict
  end
end
