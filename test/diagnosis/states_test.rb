# frozen_string_literal: true

require "test_helper"
require "support/compiled"
require "support/control_group"
require "support/diagnosing"
require "support/made_tree"

# Real processes, each brought into one bad state on purpose: the doctor names that one, and no other.
class DiagnosisStatesTest < Minitest::Test
  include Diagnosing

  MIB = 1 << 20

  # Many small blocks of which one in twelve stays: no page is free.
  FRAGMENTED = "$keep = []; all = Array.new(220_000) { 'x' * 900 }; all.each_with_index { |text, index| $keep << text if index % 12 == 0 }; all = nil; GC.start; GC.start"

  # Six threads that took memory, gave it back to the allocator and sleep.
  THREADS_ASLEEP = <<~RUBY
    $threads = Array.new(6) { Thread.new { Fiber.new { 8.times { Array.new(20_000) { "x" * 900 } } }.resume; sleep } }
    sleep 0.02 until $threads.all? { |thread| thread.status == "sleep" }
    GC.start; GC.start
  RUBY

  # The same, waking up from time to time.
  THREADS_THAT_COME_BY = THREADS_ASLEEP.sub("Array.new(6)", "Array.new(12)").sub("; sleep }", "; loop { sleep 0.05; AllocStats.safe_point } }")

  # A target for which this happens between the two readings.
  def meanwhile(code) = "s = AllocStats::Diagnosis::Target::ThisProcess.new(wait: 1); def s.pause(_seconds) = (#{code})"

  EXAMINED = "AllocStats::Diagnosis.of(s)"

  # --- which allocator ---

  def test_a_library_that_is_not_there
    found = diagnose(env: {"LD_PRELOAD" => "/nowhere/libjemalloc.so.2", "MALLOC_CONF" => "narenas:1", "JEMALLOC_ENABLED" => "true"})
    finding = assert_only :preload_not_loaded, found, severity: "wrong", evidence: /there is no such file/
    assert_match(/allocstats exec --allocator jemalloc/, finding[:remedy])
  end

  def test_a_library_of_another_architecture
    skip jemalloc.missing if jemalloc.missing
    Dir.mktmpdir do |folder|
      bytes = File.binread(jemalloc.path)
      bytes.setbyte(AllocStats::Procfs::ElfFile::CLASS_AT, 3 - bytes.getbyte(AllocStats::Procfs::ElfFile::CLASS_AT))
      File.binwrite(library = File.join(folder, "libjemalloc.so.2"), bytes)
      assert_only :preload_not_loaded, diagnose(env: {"LD_PRELOAD" => library}), severity: "wrong", evidence: /another architecture/
    end
  end

  def test_a_variable_that_was_set_after_the_start
    found = diagnose("ENV['LD_PRELOAD'] = 'libjemalloc.so.2'")
    assert_only :preload_not_loaded, found, severity: "wrong", evidence: /changed after the process had started/
  end

  def test_a_variable_that_an_entrypoint_lost
    skip jemalloc.missing if jemalloc.missing
    found = through(jemalloc, "LD_PRELOAD" => nil, "JEMALLOC_ENABLED" => "true")
    assert_only :preload_lost, found, severity: "wrong", evidence: /LD_PRELOAD was empty/
    assert_match(/was lost on the way/, found[:findings].first[:summary])
  end

  def test_a_variable_that_a_wrapper_wrote_over
    other = TestAllocators["mimalloc-3.6.0"]
    skip jemalloc.missing || other.missing if jemalloc.missing || other.missing
    found = through(jemalloc, other.env)
    assert_only :preload_lost, found, severity: "wrong", evidence: /LD_PRELOAD was .*libmimalloc/
    assert_match(/overwritten.*mimalloc 3/, found[:findings].first[:summary])
  end

  def test_what_was_written_over_on_purpose_is_no_finding
    other = TestAllocators["mimalloc-3.6.0"]
    skip jemalloc.missing || other.missing if jemalloc.missing || other.missing
    assert_healthy through(jemalloc, other.env.merge("ALLOCSTATS_ALLOCATOR" => "mimalloc"))
  end

  def test_a_variable_that_was_taken_out_of_env
    skip jemalloc.missing if jemalloc.missing
    assert_only :preload_scrubbed, diagnose("ENV.delete('LD_PRELOAD')", allocator: jemalloc), evidence: /is nil in ENV/
  end

  def test_what_was_asked_for_and_does_not_run
    {"ALLOCSTATS_ALLOCATOR" => "mimalloc", "JEMALLOC_ENABLED" => "true", "MIMALLOC_ENABLED" => "true"}.each do |variable, text|
      found = diagnose(env: {variable => text})
      assert_only :allocator_not_as_asked, found, severity: "wrong", evidence: /#{variable}=#{text} asks/
    end
    assert_only :allocator_not_as_asked, diagnose(doctor: "AllocStats.doctor(expect: :jemalloc)"), severity: "wrong", evidence: /--expect/
  end

  def test_what_was_asked_for_and_runs
    skip jemalloc.missing if jemalloc.missing
    assert_healthy diagnose(allocator: jemalloc, env: {"JEMALLOC_ENABLED" => "true", "MIMALLOC_ENABLED" => "false"})
    assert_healthy diagnose(doctor: "AllocStats.doctor(expect: 'glibc')", env: {"JEMALLOC_ENABLED" => "false"})
  end

  def test_mixed_allocators
    found = diagnose(env: {"LD_PRELOAD" => Compiled.library("half_shim")})
    assert_only :mixed_allocators, found, severity: "wrong", evidence: /half_shim\.so owns/
  end

  def test_an_allocator_that_nobody_knows
    assert_only :unknown_allocator, diagnose(env: {"LD_PRELOAD" => Compiled.library("whole_shim")}), evidence: /whole_shim\.so owns/
  end

  def test_an_allocator_that_was_opened_and_is_not_used
    other = TestAllocators["mimalloc-3.6.0"]
    skip other.missing if other.missing
    found = diagnose("require 'fiddle'; Fiddle.dlopen(#{other.path.dump})")
    assert_only :unused_allocator, found, evidence: /libmimalloc.* owns none/
  end

  # The way it comes about: a gem's extension that was linked with jemalloc.
  def test_a_library_without_room_for_its_thread_local_storage
    skip jemalloc.missing if jemalloc.missing
    extension = Compiled.greedy_of_tls
    found = diagnose("begin; require #{extension.dump}; $result = nil; rescue LoadError; $result = AllocStats.doctor; end", doctor: "$result")
    finding = assert_only :static_tls, found, severity: "wrong", evidence: /static TLS block/
    assert_match(/\ALD_PRELOAD=\S+\.so/, finding[:remedy])
  end

  # --- settings ---

  def test_settings_without_effect
    assert_only :settings_without_effect, diagnose(env: {"MIMALLOC_PURGE_DELAY" => "0"}), evidence: /it is mimalloc's, and glibc/
    assert_only :settings_without_effect, diagnose(env: {"MALLOC_ARENA_MAXX" => "2"}), evidence: /MALLOC_ARENA_MAX\b/
    skip jemalloc.missing if jemalloc.missing
    assert_only :settings_without_effect, diagnose(allocator: jemalloc, env: {"MALLOC_CONF" => "dirty_decay_msec:100"}), evidence: /dirty_decay_ms/
  end

  def test_background_threads_that_died_in_a_fork
    skip jemalloc.missing if jemalloc.missing
    code = "pid = fork\nexit!(Process.wait2(pid)[1].exitstatus || 99) if pid\nrequire 'allocstats'"
    found = diagnose(code, require: [], allocator: jemalloc, env: {"MALLOC_CONF" => "background_thread:true"})
    assert_only :background_threads_dead, found, severity: "wrong", evidence: /of \d+ threads none/
  end

  def test_background_threads_that_came_back
    skip jemalloc.missing if jemalloc.missing
    code = "pid = fork\nexit!(Process.wait2(pid)[1].exitstatus || 99) if pid"
    assert_healthy diagnose(code, allocator: jemalloc, env: {"MALLOC_CONF" => "background_thread:true"})
  end

  # --- where memory is ---

  def test_memory_that_the_allocator_keeps
    {"glibc" => {}, "jemalloc-5.3.0" => {}, "tcmalloc-2.10" => {}}.each do |key, env|
      entry = TestAllocators[key]
      next if entry.missing
      finding = assert_only :memory_kept, diagnose(FRAGMENTED, allocator: entry, env: env), evidence: /times as much/
      assert_operator finding[:cost], :>, 100 * MIB
    end
  end

  # The same heap, small: nothing that anybody would act for.
  def test_small_heaps_are_left_in_peace
    assert_healthy diagnose(FRAGMENTED.sub("220_000", "30_000"))
  end

  def test_a_purge_measures_what_an_allocator_does_not_count
    entry = TestAllocators["mimalloc-3.6.0"]
    skip entry.missing if entry.missing
    found = diagnose(THREADS_ASLEEP, doctor: "AllocStats.doctor(wait: 0.1, purge: true)", allocator: entry)
    finding = assert_only :memory_kept, found, evidence: /a purge gave it back/
    assert_operator finding[:cost], :>=, 64 * MIB
  end

  def test_a_fault_of_the_running_version
    entry = TestAllocators["mimalloc-2.0.9"]
    skip entry.missing if entry.missing
    found = diagnose(THREADS_THAT_COME_BY, doctor: "AllocStats.doctor(wait: 1, purge: true)", allocator: entry)
    # the purge gave back so much that what was there before is a peak, too
    fault, peak = found[:findings].partition { |finding| finding[:name] == "known_fault" }
    assert_only :known_fault, found.merge(findings: fault), evidence: /it is gone in 2\.1\.0/
    assert_empty peak.map { |finding| finding[:name] } - ["peak"]
    assert_healthy diagnose(allocator: entry)
  end

  def test_too_many_arenas
    code = <<~RUBY
      done = Queue.new; $keep = []
      12.times { Thread.new { all = Array.new(12_000) { "x" * 900 }; all.each_with_index { |text, index| $keep << text if index % 12 == 0 }; all = nil; done << 1; sleep } }
      12.times { done.pop }
      GC.start; GC.start
    RUBY
    found = diagnose(code)
    finding = assert_only :too_many_arenas, found, evidence: /free in the \d+ arenas beside/
    assert_equal "MALLOC_ARENA_MAX=2", finding[:remedy]
    assert_operator finding[:cost], :>=, 32 * MIB
    refute_includes names(diagnose(code, env: {"MALLOC_ARENA_MAX" => "2"})), "too_many_arenas"
    # malloc_info counts as free what a purge has given back.
    assert_empty names(diagnose("#{code}; $keep.clear; GC.start; GC.start; AllocStats.purge")) - ["peak"]
  end

  # The remedy is followed; only the peak is left then.
  def test_a_ruby_heap_of_emptied_pages
    skip "this Ruby keeps no emptied pages aside" unless RUBY_VERSION >= "4.0"
    code = "Fiber.new { Array.new(2_500_000) { Object.new }.clear }.resume; GC.start; GC.start"
    finding = diagnose(code)[:findings].find { |found| found[:name] == "ruby_heap_emptied" }
    assert_operator finding[:cost], :>=, 32 * MIB
    assert_empty names(diagnose("#{code}; #{finding[:remedy]}")) - ["peak"]
  end

  def test_a_ruby_heap_of_nearly_empty_pages
    code = "$keep = []; all = Array.new(2_500_000) { Object.new }; all.each_with_index { |each, index| $keep << each if index % 300 == 0 }; all = nil; GC.start; GC.start"
    finding = assert_only :ruby_heap_fragmented, diagnose(code), evidence: /objects take/
    assert_operator finding[:cost], :>=, 32 * MIB
  end

  def test_a_peak_is_no_leak
    assert_only :peak, diagnose("all = 'x' * 350_000_000; all = nil; GC.start; GC.start"), evidence: /VmHWM is 3\d\d/
  end

  def test_what_grows_in_malloc_between_two_readings
    code = meanwhile("($keep ||= []) << Array.new(40_000) { 'x' * 900 }")
    finding = assert_only :growing, diagnose(code, doctor: EXAMINED), evidence: /live in malloc: .*, then /
    assert_operator finding[:cost], :>, 30 * MIB
    skip jemalloc.missing if jemalloc.missing
    assert_only :growing, diagnose(code, doctor: EXAMINED, allocator: jemalloc)
  end

  def test_retention_between_two_readings
    skip jemalloc.missing if jemalloc.missing
    code = meanwhile("Array.new(40_000) { 'x' * 900 }.clear; GC.start; GC.start")
    found = diagnose(code, doctor: EXAMINED, allocator: jemalloc, env: {"MALLOC_CONF" => "dirty_decay_ms:-1"})
    assert_only :retention, found, evidence: /two readings, 1 s apart/
  end

  def test_garbage_is_no_growth
    code = meanwhile("GC.disable; Array.new(40_000) { 'x' * 900 }.clear; GC.enable")
    assert_empty names(diagnose(code, doctor: EXAMINED)) & AllocStats::Diagnosis::Growth::VERDICTS.map(&:to_s) - ["retention"]
  end

  def test_two_readings_of_a_process_that_stays_as_it_is
    assert_healthy diagnose(doctor: "AllocStats.doctor(wait: 0.2)")
  end

  # --- the machine and the control group ---

  def test_a_limit_that_is_near
    group = ControlGroup.of("memory", "memory.limit_in_bytes" => 160 * MIB, "memory.max" => 160 * MIB)
    skip group.missing if group.missing
    found = group.open { diagnose("#{group.join}; $all = 'x' * #{151 * MIB}") }
    assert_only :limit_near, found, severity: "wrong", evidence: /the limit is memory\./
  end

  def test_a_kill_in_the_control_group
    group = ControlGroup.of("memory", "memory.limit_in_bytes" => 60 * MIB, "memory.max" => 60 * MIB)
    skip group.missing if group.missing
    code = "#{group.join}; pid = fork { File.write('/proc/self/oom_score_adj', '1000'); 'x' * #{200 * MIB}; exit!(0) }; Process.wait(pid)"
    assert_only :out_of_memory_kills, group.open { diagnose(code) }, evidence: /oom_kill is 1 since/
  end

  def test_processors_that_ruby_may_not_use
    quota = Etc.nprocessors * 25_000
    group = ControlGroup.of("cpu", "cpu.cfs_quota_us" => quota, "cpu.max" => "#{quota} 100000")
    skip group.missing if group.missing
    group.open do
      assert_only :limit_unseen, diagnose(group.join), evidence: /Etc\.nprocessors is #{Etc.nprocessors}/
      assert_healthy diagnose(group.join, env: {"MALLOC_ARENA_MAX" => "2"})
    end
  end

  HUGE = <<~RUBY
    require "fiddle"
    def c(name, *types, answer) = Fiddle::Function.new(Fiddle::Handle::DEFAULT[name], types, answer)
    int, long, pointer = Fiddle::TYPE_INT, Fiddle::TYPE_LONG, Fiddle::TYPE_VOIDP
    c("prctl", int, long, long, long, long, int).call(41, 0, 0, 0, 0) # PR_SET_THP_DISABLE: as a Ruby that does not refuse
    pages = c("mmap", pointer, long, int, int, int, long, pointer).call(nil, 256 << 20, 3, 0x22, -1, 0)
    c("madvise", pointer, long, int, int).call(pages, 256 << 20, 14)
    c("memset", pointer, int, long, pointer).call(pages, 1, 200 << 20)
  RUBY

  # The machine's own setting stays as it is: only the file that tells it is another.
  def test_huge_pages_on_always
    skip "this kernel has no transparent huge pages" unless File.exist?("/sys/kernel/mm/transparent_hugepage/enabled") && !File.read("/sys/kernel/mm/transparent_hugepage/enabled").include?("[never]")
    tree("sys/kernel/mm/transparent_hugepage/enabled" => "[always] madvise never\n") do |target|
      assert_only :huge_pages, diagnose("#{HUGE}; #{target}", doctor: EXAMINED), evidence: /AnonHugePages/
      assert_healthy diagnose(target, doctor: EXAMINED)
    end
  end

  def test_a_kernel_that_promised_nearly_all_it_may
    tree("proc/sys/vm/overcommit_memory" => "2\n", "proc/meminfo" => "MemTotal: 1000 kB\nCommitLimit: 1000 kB\nCommitted_AS: 950 kB\n") do |target|
      assert_only :overcommit, diagnose(target, doctor: EXAMINED), severity: "wrong", evidence: /Committed_AS is 950\.0 KiB/
    end
    tree("proc/sys/vm/overcommit_memory" => "0\n", "proc/meminfo" => "MemTotal: 1000 kB\nCommitLimit: 1000 kB\nCommitted_AS: 950 kB\n") do |target|
      assert_healthy diagnose(target, doctor: EXAMINED)
    end
  end

  private

  def names(diagnosis) = diagnosis[:findings].map { |finding| finding[:name] }

  # What a Ruby says that was started by one under `allocator`, with other variables.
  def through(allocator, env)
    JSON.parse(ChildProcess.ruby(inner("AllocStats.doctor.to_h", env), allocator: allocator).value, symbolize_names: true)
  end

  def tree(files)
    Dir.mktmpdir("allocstats") do |root|
      files.each { |path, text| FileUtils.mkdir_p(File.dirname("#{root}/#{path}")) && File.write("#{root}/#{path}", text) }
      yield "s = AllocStats::Diagnosis::Target::ThisProcess.new(root: #{root.dump})"
    end
  end
end
