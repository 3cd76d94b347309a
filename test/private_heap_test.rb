# frozen_string_literal: true

require "test_helper"
require "open3"
require "support/private_heap_build"

# The allocator that is linked into the extension: that it is no burden to the process it lives in.
class PrivateHeapTest < Minitest::Test
  MEGABYTE = 1 << 20

  # That require and the first use add little, on every allocator that may run the process.
  TestAllocators.each do |entry|
    define_method("test_require_adds_little_beside_#{entry.key.tr("-.", "_")}") do
      skip entry.missing if entry.missing

      added = ChildProcess.ruby(<<~RUBY, allocator: entry, require: []).value
        pages = -> { File.read("/proc/self/statm").split.first(2).map(&:to_i) }
        pages.call
        before = pages.call
        require "allocstats"
        AllocStats.sample
        after = pages.call
        after.zip(before).map { |now, then_| (now - then_) * #{page_size} }
      RUBY
      assert_operator added[0], :<=, 64 * MEGABYTE, "bytes of address space"
      assert_operator added[1], :<=, 1.5 * MEGABYTE, "bytes resident"
    end
  end

  def test_it_says_what_it_is_and_holds
    heap = AllocStats.private_heap
    assert_includes AllocStats::Build::Dependencies.load.private_pins(heap.allocator).map(&:version), heap.version
    before = heap.held.fetch(:samples)
    samples = Array.new(1000) { AllocStats.sample }
    assert_operator AllocStats.private_heap.held.fetch(:samples) - before, :>=, samples.size * AllocStats.figures.count * 8
  end

  # 528 bytes and 581,632, both true: one is in blocks, the other in pages, and each moves with what is taken.
  def test_what_is_held_and_what_is_resident
    before, after, ledger, during = ChildProcess.ruby(<<~RUBY).value
      AllocStats.ledger
      before = AllocStats.private_heap.to_h
      kept = Array.new(20_000) { AllocStats.sample }
      during = AllocStats.private_heap
      [before, during.to_h, AllocStats.ledger[:private_heap], during.inspect]
    RUBY
    skip before[:reason] unless before[:resident]
    grown = after[:total] - before[:total]
    assert_operator grown, :>=, 20_000 * AllocStats.figures.count * 8
    assert_in_delta grown, after[:resident] - before[:resident], grown / 10
    assert_operator before[:resident], :>, before[:total]
    assert_in_delta after[:resident], ledger, 256 * 1024
    assert_match(/ #{after[:total]} bytes held, #{after[:resident]} resident>/, during)
  end

  def test_a_report_has_one_figure_of_what_is_resident
    report = AllocStats.report
    skip report.private_heap.reason unless report.private_heap.resident
    assert_equal [report.private_heap.resident] * 2, [report.ledger[:private_heap], report.memory.kinds[:private_heap].fetch(:rss)]
  end

  def test_what_is_resident_has_a_reason_where_it_cannot_be_told
    figures, reason, held = ChildProcess.ruby(<<~RUBY).value
      Process.setrlimit(:NOFILE, 64)
      kept = []
      begin
        loop { kept << File.open("/dev/null") }
      rescue Errno::EMFILE
        heap = AllocStats.private_heap
      end
      kept.each(&:close)
      [heap.resident, heap.reason, heap.total]
    RUBY
    assert_nil figures
    assert_match(/Too many open files/, reason)
    assert_kind_of Integer, held
  end

  def test_what_is_held_is_given_back
    held = ChildProcess.ruby(<<~RUBY).value
      held = -> { AllocStats.private_heap.held.fetch(:samples) }
      before = held.call
      Array.new(1000) { AllocStats.sample }.clear
      during = held.call
      4.times { GC.start }
      [before, during, held.call]
    RUBY
    assert_operator held[1], :>, held[0]
    assert_operator held[2] - held[0], :<, (held[1] - held[0]) / 10
  end

  # The user's variables are for the user's allocator: where one is preloaded, they work on that one alone.
  def test_the_users_variables_do_not_reach_a_private_mimalloc
    mimalloc = TestAllocators["mimalloc-2.0.9"]
    skip mimalloc.missing if mimalloc.missing
    variables = {"MIMALLOC_VERBOSE" => "1", "MIMALLOC_SHOW_STATS" => "1"}

    assert_match(/mimalloc/, ChildProcess.ruby("1", env: variables, allocator: mimalloc).stderr, "the variables do something")
    alone = ChildProcess.ruby("AllocStats.private_heap.allocator", env: variables)
    assert_equal ["mimalloc", ""], [alone.value, alone.stderr]
  end

  PrivateHeapBuild.all.each do |build|
    name = build.pin.to_s.tr(" .", "_")

    define_method("test_threads_and_forks_on_#{name}") do
      output = run_on(build, "private_heap_stress", "200")
      assert_equal "#{build.pin.name} #{build.pin.version}: 200 forks\n", output
    end

    define_method("test_it_is_a_quiet_guest_on_#{name}") do
      facts = run_on(build, "private_heap_guest").lines.to_h(&:split)
      assert_equal "0", facts["huge_pages_disabled"], "the switch for the whole process is left alone"
      refute_equal "0", facts["refused_huge_pages"], "its own mappings take no huge pages"
      assert_operator Integer(facts["mapped_by_a_thread"]), :<=, 16 * MEGABYTE
    end
  end

  # An impossible option makes jemalloc end the process, where it is read.
  def test_the_users_variables_do_not_reach_a_private_jemalloc
    build = PrivateHeapBuild.all.find { |one| one.pin.name == "jemalloc" }
    preloaded = TestAllocators["jemalloc-5.3.0"]
    skip preloaded.missing if preloaded.missing
    variables = {"MALLOC_CONF" => "abort_conf:true,no_such_option:1"}

    assert_equal "ABRT", ChildProcess.ruby("1", env: variables, allocator: preloaded, check: false).signal, "the variable does something"
    assert_match(/huge_pages_disabled/, run_on(build, "private_heap_guest", env: variables))
  end

  private

  def page_size = Etc.sysconf(Etc::SC_PAGESIZE)

  def run_on(build, program, *arguments, env: {})
    skip build.missing if build.missing

    output, errors, status = Open3.capture3(env, build.program(program), *arguments)
    assert status.success?, "#{program} on #{build.pin}: #{errors}"
    assert_empty errors
    output
  end
end
