# frozen_string_literal: true

require "test_helper"
require "support/compiled"
require "support/diagnosing"
require "support/growing"

# A real process is brought into a state, the remedy that the doctor prints is pasted as it stands, and the finding is gone.
class DiagnosisRemediesTest < Minitest::Test
  include Diagnosing

  MIB = 1 << 20
  MIMALLOC = TestAllocators["mimalloc-3.6.0"]

  # --- lines of an environment: the process is started anew with what the shell has made of them ---

  def test_settings_that_were_misspelt
    {
      {"MALLOC_ARENA_MAXX" => "2"} => "unset MALLOC_ARENA_MAXX; export MALLOC_ARENA_MAX=2",
      {"GLIBC_TUNABLES" => "glibc.malloc.arena_mx=2:glibc.malloc.tcache_count=7"} => "GLIBC_TUNABLES=glibc.malloc.arena_max=2:glibc.malloc.tcache_count=7",
      {"MIMALLOC_PURGE_DELAY" => "0"} => "unset MIMALLOC_PURGE_DELAY"
    }.each { |env, line| assert_mended :settings_without_effect, env, line }
  end

  def test_punctuation_that_jemalloc_does_not_take
    skip jemalloc.missing if jemalloc.missing
    {
      "dirty_decay_ms=1000" => "dirty_decay_ms:1000", "\"dirty_decay_ms:1000\"" => "dirty_decay_ms:1000", "narenas:2, dirty_decay_ms: 1000" => "narenas:2,dirty_decay_ms:1000",
      "narenas:2;dirty_decay_ms:1000" => "narenas:2,dirty_decay_ms:1000", "dirty_decay_msec:100,decay_time:3,narenas:2" => "dirty_decay_ms:100,narenas:2"
    }.each { |text, right| assert_mended :settings_without_effect, jemalloc.env.merge("MALLOC_CONF" => text), "MALLOC_CONF=#{right}" }
  end

  def test_options_of_mimallocs
    skip MIMALLOC.missing if MIMALLOC.missing
    assert_mended :settings_without_effect, MIMALLOC.env.merge("MIMALLOC_PURGE_DELAYY" => "0"), "unset MIMALLOC_PURGE_DELAYY; export MIMALLOC_PURGE_DELAY=0"
  end

  # What stands in a variable is nobody's command.
  def test_a_line_is_safe_to_paste
    Dir.mktmpdir do |folder|
      found = diagnose(env: {"MALLOC_ARENA_MAXX" => "$(touch #{folder}/pasted); touch #{folder}/pasted"})
      line = found[:findings].first[:remedy]
      shell({}, line)
      assert_empty Dir.children(folder), line
    end
  end

  def test_two_preloads
    skip jemalloc.missing || MIMALLOC.missing if jemalloc.missing || MIMALLOC.missing
    assert_mended :unused_allocator, {"LD_PRELOAD" => "#{jemalloc.path}:#{MIMALLOC.path}"}, "LD_PRELOAD=#{jemalloc.path}"
  end

  def test_mixed_allocators
    shim = Compiled.library("half_shim")
    assert_mended :mixed_allocators, {"LD_PRELOAD" => shim}, "unset LD_PRELOAD"
    skip jemalloc.missing if jemalloc.missing
    # Two halves of two allocators may end a process before it can be asked: facts stand in for it, and the line is followed.
    requests = [shim, jemalloc.path].map { |path| {entry: path, source: :environment, loaded: path, reason: nil, allocator: path != shim} }
    target = AllocStats::Diagnosis::Target::ThisProcess.new
    target.define_singleton_method(:read_preloads) { requests }
    target.define_singleton_method(:read_ownership) { {verdict: :mixed, sentence: "malloc is mixed", evidence: [], functions: {malloc: shim, free: requests.last[:entry]}} }
    line = AllocStats::Diagnosis.of(target)[:mixed_allocators].remedy
    assert_equal "LD_PRELOAD=#{jemalloc.path}:#{shim}", line
    refute_includes diagnose(env: shell({"LD_PRELOAD" => "#{shim}:#{jemalloc.path}"}, line))[:findings].map { |finding| finding[:name] }, "mixed_allocators"
  end

  ARENAS = <<~RUBY
    done = Queue.new; $keep = []
    12.times { Thread.new { all = Array.new(12_000) { "x" * 900 }; all.each_with_index { |text, index| $keep << text if index % 12 == 0 }; all = nil; done << 1; sleep } }
    12.times { done.pop }
    GC.start; GC.start
  RUBY

  # Not only silent: less is resident.
  def test_too_many_arenas
    rss = "#{ARENAS}; AllocStats.sample.rss"
    before, after = [{}, {"MALLOC_ARENA_MAX" => "2"}].map { |env| ChildProcess.ruby(rss, env: env).value }
    assert_operator after, :<, before - 32 * MIB
    assert_mended :too_many_arenas, {}, "MALLOC_ARENA_MAX=2", code: ARENAS, beside: [:memory_kept] # of what is kept in two
  end

  def test_a_remedy_is_not_printed_where_it_is_in_force
    processors = "s = AllocStats::Diagnosis::Target::ThisProcess.new; s.define_singleton_method(:read_processors) { {seen: 16, quota: 1.0, source: \"cpu.max\"} }; "
    found = diagnose(processors, doctor: "AllocStats::Diagnosis.of(s)")
    assert_equal "MALLOC_ARENA_MAX=2", assert_only(:limit_unseen, found)[:remedy]
    [{"MALLOC_ARENA_MAX" => "2"}, {"GLIBC_TUNABLES" => "glibc.malloc.arena_max=2"}].each { |env| assert_healthy diagnose(processors, doctor: "AllocStats::Diagnosis.of(s)", env: env) }
    skip jemalloc.missing if jemalloc.missing
    found = diagnose(processors, doctor: "AllocStats::Diagnosis.of(s)", allocator: jemalloc, env: {"MALLOC_CONF" => "dirty_decay_ms:1000"})
    assert_equal "MALLOC_CONF=dirty_decay_ms:1000,narenas:2", assert_only(:limit_unseen, found)[:remedy]
    assert_healthy diagnose(processors, doctor: "AllocStats::Diagnosis.of(s)", allocator: jemalloc, env: {"MALLOC_CONF" => "dirty_decay_ms:1000,narenas:2"})
  end

  # --- lines of Ruby: pasted into the process itself ---

  def test_memory_that_a_purge_gives_back
    skip jemalloc.missing if jemalloc.missing
    code = "all = Array.new(110_000) { 'x' * 900 }; all = nil; GC.start; GC.start"
    before, after, rss = pasted(code, allocator: jemalloc, env: {"MALLOC_CONF" => "dirty_decay_ms:-1"})
    finding = assert_only(:memory_kept, before)
    assert_healthy after
    said = finding[:remedy][/gives back about (\d+\.\d) MiB/, 1].to_f * MIB
    assert_in_delta rss.first - rss.last, said, said * 0.15
  end

  def test_retention
    skip jemalloc.missing if jemalloc.missing
    target = "s = AllocStats::Diagnosis::Target::ThisProcess.new(wait: 1); s.define_singleton_method(:pause) { |_| burst(40) }; "
    before, after, = pasted(Growing::PREPARED, doctor: "(#{target} AllocStats::Diagnosis.of(s))", after: "AllocStats.doctor(wait: 0.1)", allocator: jemalloc, env: {"MALLOC_CONF" => "dirty_decay_ms:-1"})
    assert_only :retention, before
    assert_healthy after
  end

  def test_a_ruby_heap_of_nearly_empty_pages
    code = "$keep = []; all = Array.new(2_500_000) { Object.new }; all.each_with_index { |each, index| $keep << each if index % 300 == 0 }; all = nil; GC.start; GC.start"
    before, after, rss = pasted(code)
    assert_only :ruby_heap_fragmented, before
    assert_healthy after
    assert_operator rss.last, :<, rss.first - 32 * MIB
  end

  def test_background_threads
    skip jemalloc.missing if jemalloc.missing
    code = "pid = fork\nexit!(Process.wait2(pid)[1].exitstatus || 99) if pid\nrequire 'allocstats'"
    before, after, = pasted(code, require: [], allocator: jemalloc, env: {"MALLOC_CONF" => "background_thread:true"})
    assert_only :background_threads_dead, before, severity: "wrong"
    assert_healthy after
  end

  def test_a_preload_that_was_taken_out_of_env
    skip jemalloc.missing if jemalloc.missing
    before, after, = pasted("ENV.delete('LD_PRELOAD')", allocator: jemalloc)
    assert_only :preload_scrubbed, before
    assert_healthy after
  end

  def test_a_peak
    code = "all = 'x' * 350_000_000; all = nil; GC.start; GC.start"
    before, after, = ChildProcess.ruby("#{code}\nbefore = AllocStats.doctor.to_h\nsystem('sh', '-c', before[:findings].first[:remedy])\n[before, AllocStats.doctor.to_h]").value
    assert_only :peak, before
    assert_healthy after
  end

  # --- where only the program can be mended, the line shows what to mend ---

  def test_the_line_that_shows_what_grows
    code = <<~RUBY
      class Leaky; def initialize = @text = "x" * 900; end
      line = #{AllocStats::Diagnosis::Grows::CLASSES.dump}
      Thread.new { loop { ($leak ||= []) << Leaky.new; sleep 0.0001 } }
      eval(line.sub("sleep 10", "sleep 0.5"))
    RUBY
    said = ChildProcess.ruby(code).stdout
    assert_match(/\[Leaky|\[String/, said.lines.first(4).join)
  end

  def test_the_lines_that_show_mappings_and_stacks
    code = <<~RUBY
      #{Growing::PREPARED}
      mapping(64); file(48); stacks(1)
      [:Mappings, :Files, :Stacks].map { |name| AllocStats::Diagnosis::Checks.const_get(name).new(AllocStats::Diagnosis::Target::ThisProcess.new).send(:remedy) }
        .then { |shells| shells.first(2).map { |line| IO.popen(["sh", "-c", line], &:read) } << (eval(shells.last); nil) }
    RUBY
    result = ChildProcess.ruby(code)
    mappings, files, = result.value
    assert_match(/^#{64 << 10} [0-9a-f]+-[0-9a-f]+/, mappings)
    assert_match(/^#{48 << 10} .*\(deleted\)|^#{48 << 10} \S+/, files)
    assert_match(/sleep[^,]*, *4\]/, result.stdout)
  end

  private

  # The environment that a shell has after the line: what is assigned is exported, as a line of an environment is.
  def shell(env, line)
    names = line.scan(/(?:^|; |export )([A-Z_]+)=/).flatten
    out = IO.popen([env.merge("LD_PRELOAD" => nil), "sh", "-c", "#{env.key?("LD_PRELOAD") ? "LD_PRELOAD='#{env["LD_PRELOAD"]}'" : ":"}; #{line.sub(/ *#.*/, "")}; for name in #{[*names, *env.keys].uniq.join(" ")}; do eval \"printf '%s\\\\0%s\\\\0' $name \\\"\\${$name-unset}\\\"\"; done"], &:read)
    out.split("\0").each_slice(2).to_h.transform_values { |value| (value == "unset") ? nil : value }
  end

  def assert_mended(name, env, line, code: "", beside: [])
    before = diagnose(code, env: env)
    finding = before[:findings].find { |each| each[:name] == name.to_s } or flunk(before.inspect)
    assert_equal line, finding[:remedy]
    after = diagnose(code, env: shell(env, line))
    assert_equal [], after[:findings].map { |each| each[:name].to_sym } - beside, "#{line}: #{after.inspect}"
  end

  # [the diagnosis before, and after its first remedy was evaluated, and the resident set before and after]
  def pasted(code, doctor: "AllocStats.doctor", after: doctor, **options)
    ChildProcess.ruby(<<~RUBY, **options).value
      #{code}
      before = #{doctor}.to_h
      rss = [AllocStats.sample.rss]
      eval(before[:findings].first[:remedy])
      rss << AllocStats.sample.rss
      [before, #{after}.to_h, rss]
    RUBY
  end
end
