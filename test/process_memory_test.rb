# frozen_string_literal: true

require "test_helper"
require "support/made_tree"

class ProcessMemoryTest < Minitest::Test
  KB = 1024
  MB = 1 << 20

  def read(name = "container_v2", **files)
    files = files.transform_keys(&:to_s)
    files.empty? ? AllocStats::ProcessMemory.read(root: MadeTree.fixture(name)) : MadeTree.changed(name, files) { |root| AllocStats::ProcessMemory.read(root: root) }
  end

  def smaps = File.read(File.join(MadeTree.fixture("container_v2"), "proc/self/smaps"))

  # --- the real process ---

  def test_the_figures_of_this_process_agree_with_each_other
    memory = AllocStats.memory
    assert_equal memory.rss, memory.private + memory.shared
    assert_equal memory.uss, memory.private
    assert_operator memory.uss, :<=, memory.rss
    assert_operator memory.pss, :>, memory.uss / 2
    assert_operator memory.mappings, :>, 20
    assert_in_delta AllocStats.sample.rss, memory.rss, 4 * MB
  end

  def test_the_kinds_sum_to_the_rss
    memory = AllocStats.memory
    assert_equal AllocStats::ProcessMemory::KINDS.keys, memory.kinds.keys
    assert_equal memory.rss, memory.kinds.compact.sum { |_, figures| figures[:rss] }
    assert_equal memory.uss, memory.kinds.compact.sum { |_, figures| figures[:uss] }
  end

  def test_everything_that_is_nil_has_a_reason
    memory = AllocStats.memory
    absent = memory.to_h.select { |_, value| value.nil? }.keys + memory.kinds.select { |_, figures| figures.nil? }.keys
    assert_empty absent - memory.reasons.keys
    memory.reasons.each_value { |reason| assert_operator reason.length, :>, 20 }
  end

  def test_a_reading_is_a_value
    memory = AllocStats.memory
    assert_predicate memory, :frozen?
    assert_predicate memory.kinds, :frozen?
    assert_predicate memory.reasons, :frozen?
    assert_match(/\A#<AllocStats::ProcessMemory rss=\d+ /, memory.inspect)
  end

  def test_reading_keeps_nothing
    AllocStats.memory
    before = AllocStats.private_heap.held[:readings]
    20.times { AllocStats.memory }
    assert_equal before, AllocStats.private_heap.held[:readings]
  end

  def test_pages_of_rubys_heap_are_counted
    grown = ChildProcess.ruby(<<~RUBY).value
      before = AllocStats.memory.kinds[:ruby_heap][:rss]
      pages = GC.stat(:heap_allocated_pages)
      kept = Array.new(500_000) { Object.new }
      [AllocStats.memory.kinds[:ruby_heap][:rss] - before, (GC.stat(:heap_allocated_pages) - pages) * GC::INTERNAL_CONSTANTS[:HEAP_PAGE_SIZE], kept.size]
    RUBY
    assert_operator grown[0], :>=, 500_000 * 40 * 0.9
    assert_in_delta grown[1], grown[0], grown[1] * 0.05
  end

  def test_stacks_of_threads_are_counted
    before, after, reasons = ChildProcess.ruby(<<~RUBY).value
      before = AllocStats.memory
      queue = Queue.new
      dive = ->(depth) { depth.zero? ? queue.pop : [depth].each { dive.(depth - 1) } }
      threads = Array.new(8) { Thread.new { dive.(600) } }
      sleep 0.05 until threads.all? { |thread| thread.status == "sleep" }
      after = AllocStats.memory
      [before.kinds[:stack]&.fetch(:rss), after.kinds[:stack]&.fetch(:rss), after.reasons]
    RUBY
    skip reasons[:stack] unless after
    assert_operator after - before, :>, 8 * 128 * KB
    assert_nil reasons[:stack]
  end

  def test_a_file_that_is_mapped_and_one_that_is_executed_are_told_apart
    kinds = AllocStats.memory.kinds
    assert_operator kinds[:code][:rss], :>, MB
    assert_operator kinds[:code][:rss], :>, kinds[:file][:rss]
  end

  def test_code_that_ruby_makes_is_its_own_kind
    skip "this Ruby has no YJIT" unless defined?(RubyVM::YJIT)
    code = "[RubyVM::YJIT.enabled?, AllocStats.memory.kinds[:jit][:rss]]"
    enabled, bytes = ChildProcess.ruby(code, options: ["--yjit"]).value
    skip "YJIT is not built into this Ruby" unless enabled
    assert_operator bytes, :>, 64 * KB
    assert_equal 0, ChildProcess.ruby("AllocStats.memory.kinds[:jit][:rss]").value
  end

  def test_glibcs_memory_is_told_and_others_is_not
    code = "kept = Array.new(200) { \"x\" * 100_000 }; [AllocStats.memory.kinds[:malloc]&.fetch(:rss), AllocStats.memory.reasons, kept.size]"
    bytes, = ChildProcess.ruby(code, allocator: TestAllocators["glibc"]).value
    assert_operator bytes, :>, 20_000_000
    jemalloc = TestAllocators["jemalloc"]
    skip jemalloc.missing if jemalloc.missing
    bytes, reasons = ChildProcess.ruby(code, allocator: jemalloc).value
    assert_nil bytes
    assert_match(/jemalloc/, reasons[:malloc])
  end

  def test_strings_of_threads_are_glibcs
    before, after = ChildProcess.ruby(<<~RUBY, allocator: TestAllocators["glibc"]).value
      before = AllocStats.memory.kinds[:malloc][:rss]
      kept = Array.new(4) { Thread.new { Array.new(5_000) { "x" * 2_000 } + ["y" * 5_000_000] } }.map(&:value)
      [before, AllocStats.memory.kinds[:malloc][:rss], kept.size]
    RUBY
    assert_operator after - before, :>, 4 * (5_000 * 2_000 + 5_000_000) * 0.95
  end

  def test_the_private_heap_is_told_where_it_is_mimallocs
    skip "only mimalloc's mappings can be told" unless AllocStats.private_heap.allocator == "mimalloc"
    kinds = AllocStats.memory.kinds
    skip "this kernel has no transparent huge pages to switch off" unless kinds[:private_heap]
    assert_includes 64 * KB..16 * MB, kinds[:private_heap][:rss]
  end

  def test_a_forked_child_reads_itself
    rss, stack, threads = ChildProcess.ruby(<<~RUBY).value
      kept = nil
      reader, writer = IO.pipe
      Thread.new { fork { kept = "x" * 50_000_000; memory = AllocStats.memory; writer.write(Marshal.dump([memory.rss, memory.kinds[:stack]&.fetch(:rss), Thread.list.size])) } }.join
      writer.close
      Process.wait
      Marshal.load(reader.read)
    RUBY
    assert_operator rss, :>, 50_000_000
    assert_equal 1, threads
    assert_operator stack, :>, 4 * KB if stack
  end

  def test_readings_in_threads_under_gc_stress_and_compaction
    sums = ChildProcess.ruby(<<~RUBY, timeout: 120).value
      read = -> { memory = AllocStats.memory; memory.kinds.compact.sum { |_, figures| figures[:rss] } - memory.rss }
      readers = Array.new(3) { Thread.new { Array.new(5) { read.call } } }
      5.times { GC.compact } if GC.respond_to?(:compact)
      sums = readers.flat_map(&:value)
      GC.stress = true
      sums << read.call
      GC.stress = false
      sums
    RUBY
    assert_equal [0] * 16, sums
  end

  def test_a_thread_that_is_killed_while_it_reads_leaks_nothing
    held = ChildProcess.ruby(<<~RUBY).value
      AllocStats.memory
      before = AllocStats.private_heap.held[:readings]
      200.times { thread = Thread.new { loop { AllocStats.memory } }; sleep rand / 500; thread.kill; thread.join }
      AllocStats.private_heap.held[:readings] - before
    RUBY
    assert_equal 0, held
  end

  def test_another_ractor_can_read_and_leaves_rubys_heap_aside
    total, ruby_heap, reason = ChildProcess.ruby(<<~RUBY, options: ["-W:no-experimental"]).value
      ractor = Ractor.new { m = AllocStats.memory; [m.kinds.compact.sum { |_, f| f[:rss] } - m.rss, m.kinds[:ruby_heap], m.reasons[:ruby_heap]] }
      ractor.respond_to?(:value) ? ractor.value : ractor.take # take is gone in Ruby 4.0
    RUBY
    assert_equal 0, total
    assert_nil ruby_heap
    assert_match(/Ractor/, reason)
  end

  def test_a_full_descriptor_table_gives_nil_and_reasons
    memory = ChildProcess.ruby(<<~RUBY).value
      Process.setrlimit(:NOFILE, 64)
      kept = []
      begin
        loop { kept << File.open("/dev/null") }
      rescue Errno::EMFILE
      end
      memory = AllocStats.memory.to_h
      kept.each(&:close)
      memory
    RUBY
    [:rss, :pss, :uss, :swap, :kinds, :limit, :mappings].each do |name|
      assert_nil memory[name], name
      assert_match(/Too many open files/, memory[:reasons][name].to_s, name)
    end
    assert_nil memory[:cgroup][:version]
    assert_match(/Too many open files/, memory[:cgroup][:reasons][:version])
  end

  def test_a_process_that_has_closed_its_descriptors_reads_all_the_same
    rss = ChildProcess.ruby(<<~RUBY).value
      (0..2).each { |number| IO.for_fd(number, autoclose: false).close rescue nil }
      AllocStats.memory.rss
    RUBY
    assert_operator rss, :>, MB
  end

  # --- made trees ---

  def test_a_tree_is_read_by_its_names
    memory = read
    assert_equal 21_136 * KB, memory.rss
    assert_equal 17_771 * KB, memory.pss # smaps_rollup's, which smaps' sum falls short of by rounding
    assert_equal 15_944 * KB, memory.uss
    assert_equal 5_192 * KB, memory.shared
    assert_equal 200 * KB, memory.swap
    assert_equal 100 * KB, memory.swap_pss
    assert_equal 4_096 * KB, memory.huge
    assert_equal 0, memory.hugetlb
    assert_equal 11, memory.mappings
    expected = {code: 2108, jit: 0, file: 120, stack: 40, malloc: 500, ruby_heap: 8000, ruby_heap_empty: nil, ruby_transient: nil, private_heap: 4, shared: 64, other: 10_300}
    assert_equal(expected, memory.kinds.transform_values { |figures| figures && figures[:rss] / KB })
    assert_equal 200 * KB, memory.kinds[:other][:swap]
    assert_equal 402_653_184, memory.cgroup.high
    assert_equal 536_870_912, memory.limit.bytes
    assert_match %r{memory\.max of .*/app\.slice\z}, memory.limit.source
  end

  def test_without_smaps_the_whole_is_still_known
    memory = read("proc/self/smaps": nil)
    assert_equal 21_136 * KB, memory.rss
    assert_equal 17_771 * KB, memory.pss
    assert_nil memory.kinds
    assert_nil memory.mappings
    assert_match %r{/proc/self/smaps cannot be read: No such file or directory}, memory.reasons[:kinds]
  end

  def test_without_the_rollup_the_sum_stands_in
    memory = read("proc/self/smaps_rollup": nil)
    assert_equal 17_768 * KB, memory.pss
    assert_equal 21_136 * KB, memory.rss
    refute_includes memory.reasons, :pss
  end

  def test_without_either_nothing_is_known
    memory = read("proc/self/smaps": nil, "proc/self/smaps_rollup": nil)
    AllocStats::ProcessMemory::SUMS.each_key do |name|
      assert_nil memory.public_send(name), name
      assert_match(/smaps cannot be read/, memory.reasons[name], name)
    end
  end

  def test_a_missing_field_is_nil_and_named
    memory = read("proc/self/smaps": smaps.sub(/^Swap: .*\n/, ""), "proc/self/smaps_rollup": nil)
    assert_nil memory.swap
    assert_match(/does not give Swap for every mapping/, memory.reasons[:swap])
    assert_equal 21_136 * KB, memory.rss
    assert_nil memory.kinds[:code][:swap]
    assert_equal 200 * KB, memory.kinds[:other][:swap]
  end

  def test_odd_content_is_nil_and_a_reason
    odd = {
      "" => /empty/, "\0" * 4096 => /line 1/, "x" * MB => /line 1/, :folder => /Is a directory/, :pipe => /Invalid argument/,
      smaps[0..smaps.index("[heap]\n") + 6] + "7f" => /line/, smaps.sub("55d0c5b00000-", "55d0c5b0000g-") => /line/, "\xff\xfe" * 100 => /line 1/
    }
    odd.each do |content, reason|
      memory = read("proc/self/smaps": content, "proc/self/smaps_rollup": content)
      assert_nil memory.rss
      assert_nil memory.kinds
      assert_match reason, memory.reasons[:rss]
    end
  end

  def test_a_number_past_64_bits_is_nil_not_zero
    huge = smaps.sub(/^Rss: .*$/, "Rss:     99999999999999999999999 kB")
    memory = read("proc/self/smaps": huge, "proc/self/smaps_rollup": nil)
    assert_nil memory.rss
    assert_nil memory.kinds
    assert_match(/does not give Rss/, memory.reasons[:kinds])
    assert_equal 17_768 * KB, memory.pss
  end

  def test_a_truncated_file_gives_what_every_mapping_has
    cut = smaps[0...smaps.rindex("Shared_Clean:")]
    memory = read("proc/self/smaps": cut, "proc/self/smaps_rollup": nil)
    assert_equal 21_136 * KB, memory.rss
    assert_nil memory.shared
    assert_nil memory.kinds[:stack][:shared]
  end

  def test_no_content_that_is_cut_anywhere_does_harm
    text = smaps
    (0..text.bytesize).step(97) do |length|
      memory = read("proc/self/smaps": text.byteslice(0, length), "proc/self/smaps_rollup": nil)
      assert(memory.rss || memory.reasons[:rss])
    end
  end

  def test_no_limit_but_the_machines_memory
    memory = read("sys/fs/cgroup/app.slice/memory.max": "max\n", "sys/fs/cgroup/app.slice/web/memory.max": "max\n")
    assert_equal 16_337_472 * KB, memory.limit.bytes
    assert_match(/MemTotal/, memory.limit.source)
    memory = read("sys/fs/cgroup": nil, "proc/meminfo": nil)
    assert_nil memory.limit
    assert_match(/meminfo cannot be read/, memory.reasons[:limit])
  end

  def test_a_root_that_is_none_is_refused_by_an_error_of_ours
    [nil, 1, :root, "a\0b", "/tmp".encode("UTF-16LE")].each do |root|
      assert_raises(AllocStats::InvalidValue) { AllocStats::ProcessMemory.read(root: root) }
    end
    memory = AllocStats::ProcessMemory.read(root: "/no/such/folder")
    assert_nil memory.rss
    assert_match(%r{/no/such/folder/proc/self/smaps}, memory.reasons[:rss])
    assert_match(/File name too long/, AllocStats::ProcessMemory.read(root: "/#{"x" * 5000}").reasons[:rss])
  end

  def test_another_users_files_are_unreadable
    skip "only root can become another user" unless Process.uid.zero?
    MadeTree.changed("container_v2", {}) do |root|
      File.chmod(0o755, root)
      File.chmod(0, "#{root}/proc/self/smaps", "#{root}/proc/self/smaps_rollup")
      reason = ChildProcess.ruby("Process::Sys.seteuid(65534); AllocStats::ProcessMemory.read(root: ARGV[0]).reasons[:rss]", arguments: [root]).value
      assert_match(/Permission denied/, reason)
    end
  end

  # --- the catalogue ---

  def test_figures_and_kinds_are_defined
    [AllocStats::ProcessMemory::FIGURES, AllocStats::ProcessMemory::KINDS].each do |catalogue|
      assert_equal catalogue.size, catalogue.values.uniq.size
      catalogue.each_value { |definition| assert_operator definition.length, :>, 20 }
    end
  end
end
