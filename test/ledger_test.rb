# frozen_string_literal: true

require "test_helper"

class LedgerTest < Minitest::Test
  MB = 1 << 20

  def assert_sums(ledger)
    assert_operator ledger.rss, :>, MB
    assert_equal ledger.rss, ledger.layers.sum { |layer| layer.bytes || 0 }
    ledger.layers.each { |layer| assert_operator layer.bytes || 0, :>=, 0, layer.name }
  end

  def test_the_layers_sum_to_the_rss
    assert_sums AllocStats.ledger
    assert_sums AllocStats.ledger(census: true)
  end

  def test_the_rss_is_the_kernels
    assert_in_delta AllocStats.sample.rss, AllocStats.ledger.rss, 4 * MB
  end

  TestAllocators.each do |entry|
    define_method(:"test_sums_while_four_threads_allocate_under_#{entry.key}") do
      skip entry.missing if entry.missing
      ledgers = ChildProcess.ruby(<<~RUBY, allocator: entry, timeout: 120).value
        stop = false
        threads = Array.new(4) do |number|
          Thread.new do
            kept = []
            until stop
              kept << "x" * rand(1..100_000)
              kept << Object.new
              kept.shift(500) if kept.size > 1_000
              Thread.pass if rand < 0.05
            end
          end
        end
        ledgers = Array.new(20) { |i| sleep 0.01; AllocStats.ledger(census: (i % 10).zero?).to_h.slice(:rss, :layers, :reasons) }
        stop = true
        threads.each(&:join)
        ledgers
      RUBY
      assert_equal 20, ledgers.size
      ledgers.each do |ledger|
        assert_operator ledger[:rss], :>, 10 * MB
        assert_equal ledger[:rss], ledger[:layers].values.compact.sum
        assert_operator ledger[:layers].values.compact.min, :>=, 0
        malloc = ledger[:layers].values_at(:malloc, :malloc_live, :malloc_kept).compact.sum
        assert_operator malloc, :>, 10 * MB
      end
    end
  end

  TestAllocators.each do |entry|
    define_method(:"test_each_layer_grows_with_what_it_stands_for_under_#{entry.key}") do
      skip entry.missing if entry.missing
      grown = ChildProcess.ruby(<<~RUBY, allocator: entry, timeout: 120).value
        require "tempfile"
        require "fiddle"
        def growth(*layers)
          before = AllocStats.ledger(census: true)
          kept = yield
          after = AllocStats.ledger(census: true)
          $kept = [$kept, kept]
          layers.sum { |layer| (after[layer] || 0) - (before[layer] || 0) }
        end
        AllocStats.ledger(census: true)
        queue = Queue.new
        dive = ->(depth) { depth.zero? ? queue.pop : [depth].each { dive.(depth - 1) } }
        threads = []
        {
          objects: growth(:ruby_heap_live) { Array.new(300_000) { Object.new } },
          strings: growth(:malloc_live, :malloc) { Array.new(2_000) { "x" * 10_000 } },
          stacks: growth(:stacks) { threads = Array.new(8) { Thread.new { dive.(600) } }; sleep 0.05 until threads.all? { |t| t.status == "sleep" } },
          stacks_known: !AllocStats.ledger[:stacks].nil?,
          files: growth(:files) do
            file = Tempfile.new
            file.write("x" * 20_000_000)
            file.flush
            mmap = Fiddle::Function.new(Fiddle.dlopen(nil)["mmap"], [Fiddle::TYPE_VOIDP, Fiddle::TYPE_SIZE_T, Fiddle::TYPE_INT, Fiddle::TYPE_INT, Fiddle::TYPE_INT, Fiddle::TYPE_LONG], Fiddle::TYPE_VOIDP)
            address = mmap.call(nil, 20_000_000, 1, 2, file.fileno, 0)
            pointer = Fiddle::Pointer.new(address.to_i, 20_000_000)
            (0...20_000_000).step(4096) { |at| pointer[at] }
            file
          end
        }
      RUBY
      assert_operator grown[:objects], :>, 300_000 * 40 * 0.9
      assert_operator grown[:strings], :>, 20_000_000 * 0.8
      assert_operator grown[:stacks], :>, 8 * 128 * 1024 if grown[:stacks_known]
      assert_includes 19_000_000..22_000_000, grown[:files]
    end
  end

  # 32 MiB that Ruby maps when it starts, of which each block's header is written at once: whose it is does not depend on
  # the allocator, and it is nobody's but Ruby's.
  TestAllocators.each do |entry|
    define_method(:"test_the_transient_heap_is_rubys_under_#{entry.key}") do
      skip entry.missing if entry.missing
      skip "Ruby has no transient heap from 3.3 on" if RUBY_VERSION >= "3.3"
      first, ledger, smaps, resident = ChildProcess.ruby(<<~'RUBY', allocator: entry).value
        first = AllocStats.ledger.to_h[:layers]
        kept = Array.new(20_000) { Array.new(12, nil) }
        ledger = AllocStats.ledger.to_h[:layers]
        mappings = File.read("/proc/self/smaps").split(/^(?=\h+-\h+ )/).select { |text| text[/Size: +(\d+)/, 1].to_i == 32 * 1024 }
        [first, ledger, mappings.map { |mapping| mapping[/Rss: +(\d+)/, 1].to_i * 1024 }, AllocStats.sample.resident]
      RUBY
      assert_operator first.fetch(:ruby_transient), :>=, 4 * MB
      assert_in_delta 20_000 * (12 * 8 + 16), ledger.fetch(:ruby_transient) - first.fetch(:ruby_transient), 2 * MB
      # Other allocators map as much at once; and where the kernel has merged it with others, none is of this size.
      assert_includes smaps.map { |bytes| (bytes - ledger.fetch(:ruby_transient)).abs < MB / 2 }, true if smaps.any? && entry.name == :glibc
      assert_operator ledger.values_at(:malloc, :malloc_live, :malloc_kept).compact.sum, :<=, resident + MB if resident && entry.name == :jemalloc
    end
  end

  # The collector's own walk ends a collection that is under way first, with the GVL held.
  def test_it_does_not_finish_a_collection_that_is_under_way
    states = ChildProcess.ruby(<<~RUBY).value
      kept = Array.new(1_000_000) { Object.new }
      AllocStats.ledger
      GC.start(full_mark: true, immediate_mark: false, immediate_sweep: false)
      before = GC.latest_gc_info(:state)
      ledger = AllocStats.ledger
      [before, GC.latest_gc_info(:state), ledger[:ruby_heap_live].nil?]
    RUBY
    assert_equal ["marking", "marking", false], states
  end

  TestAllocators.each do |entry|
    define_method(:"test_pages_that_ruby_keeps_empty_are_rubys_under_#{entry.key}") do
      skip entry.missing if entry.missing
      full, empty, stat, other = ChildProcess.ruby(<<~RUBY, allocator: entry).value
        kept = Array.new(2_000_000) { Object.new }
        full = AllocStats.ledger.to_h[:layers]
        kept = nil
        2.times { GC.start }
        empty = AllocStats.ledger
        [full, empty.to_h[:layers], GC.stat[:heap_empty_pages].to_i * AllocStats::ProcessMemory.heap_page_bytes, empty.reasons[:other]]
      RUBY
      skip "this Ruby keeps no empty pages" if stat < 10 * MB
      assert_in_delta stat, empty.fetch(:ruby_heap_empty), MB
      assert_operator empty.fetch(:other), :<=, full.fetch(:other) + 2 * MB
      assert_nil other
    end
  end

  HUGE_PAGES = "/proc/sys/vm/nr_hugepages"

  # With glibc.malloc.hugetlb=2 its heaps are smaller and lie closer, whether there are such pages or not.
  def test_malloc_that_asks_for_huge_pages_is_malloc
    layers, = in_huge_pages
    assert_operator layers.fetch(:malloc), :>, 60 * MB
    assert_operator layers.fetch(:other), :<, 3 * MB
  end

  def test_malloc_in_huge_pages_is_malloc
    before = File.read(HUGE_PAGES)
    begin
      File.write(HUGE_PAGES, before.to_i + 60)
    rescue SystemCallError => error
      skip "#{HUGE_PAGES} may not be written here: #{error.message}"
    end
    skip "this machine has no room for 60 huge pages" if File.read(HUGE_PAGES).to_i < before.to_i + 60
    _, kinds = in_huge_pages
    assert_operator kinds.dig(:malloc, :hugetlb), :>, 60 * MB
    assert_equal [0, 0], [kinds.dig(:shared, :hugetlb), kinds.dig(:other, :hugetlb)]
  ensure
    begin
      File.write(HUGE_PAGES, before) if before
    rescue SystemCallError
    end
  end

  def in_huge_pages
    skip "the tunable is glibc's, from 2.35 on" unless TestAllocators["glibc"].version.to_f >= 2.35
    ChildProcess.ruby(<<~RUBY, allocator: TestAllocators["glibc"], env: {"GLIBC_TUNABLES" => "glibc.malloc.hugetlb=2"}).value
      threads = Array.new(8) { Thread.new { Thread.current[:kept] = Array.new(3_000) { "x" * 3_000 }; sleep } }
      sleep 0.01 until threads.all? { |thread| thread[:kept] && thread.stop? }
      [AllocStats.ledger.to_h[:layers], AllocStats.memory.kinds]
    RUBY
  end

  def test_live_bytes_on_glibc_are_asked_for_by_a_census
    code = "[AllocStats.ledger, AllocStats.ledger(census: true)].map { |ledger| [ledger.layers.map(&:name), ledger.reasons] }"
    cheap, dear = ChildProcess.ruby(code, allocator: TestAllocators["glibc"]).value
    assert_includes cheap[0], "malloc"
    refute_includes cheap[0], "malloc_live"
    assert_match(/census/, cheap[1][:malloc_live])
    assert_includes dear[0], "malloc_live"
    assert_includes dear[0], "malloc_kept"
    refute_includes dear[0], "malloc"
    refute_includes dear[1], :malloc_live
  end

  def test_layers_are_named_and_defined
    ledger = AllocStats.ledger
    names = ledger.layers.map(&:name)
    assert_equal names.uniq, names
    assert_equal AllocStats::Ledger::DEFINITIONS.keys & names, names
    ledger.layers.each { |layer| assert_operator layer.definition.length, :>, 20 }
    assert_equal ledger.layers.first.bytes, ledger[names.first]
    error = assert_raises(AllocStats::UnknownName) { ledger[:stack] }
    assert_match(/stacks/, error.message)
    assert_raises(AllocStats::UnknownName) { ledger[nil] }
  end

  def test_it_is_a_value
    ledger = AllocStats.ledger
    assert_predicate ledger, :frozen?
    assert_predicate ledger.layers, :frozen?
    assert_predicate ledger.reasons, :frozen?
    assert_equal ledger.rss, ledger.to_h[:rss]
    assert_equal ledger.layers.to_h { |layer| [layer.name, layer.bytes] }, ledger.to_h[:layers]
    assert_match(/\A#<AllocStats::Ledger rss=\d+ ruby_heap_live=/, ledger.inspect)
  end

  def test_what_cannot_be_told_is_nil_and_its_bytes_are_in_other
    layers, reasons, rss = ChildProcess.ruby(<<~RUBY, options: ["-W:no-experimental"]).value
      ractor = Ractor.new { Ractor.receive }
      ledger = AllocStats.ledger
      ractor.send(1)
      [ledger.to_h[:layers], ledger.reasons, ledger.rss]
    RUBY
    assert_equal rss, layers.values.compact.sum
    return assert_operator(layers.fetch(:ruby_heap_live), :>, 0) if RUBY_VERSION >= "3.4" # its pages tell of themselves, without a walk
    assert_nil layers.fetch(:ruby_heap_live)
    assert_nil layers.fetch(:ruby_heap_free)
    assert_match(/Ractor/, reasons[:ruby_heap_live])
  end

  def test_without_smaps_there_is_a_reason_instead_of_a_ledger
    rss, layers, reasons = ChildProcess.ruby(<<~RUBY).value
      AllocStats.ledger
      Process.setrlimit(:NOFILE, 64)
      kept = []
      begin
        loop { kept << File.open("/dev/null") }
      rescue Errno::EMFILE
      end
      ledger = AllocStats.ledger
      kept.each(&:close)
      [ledger.rss, ledger.layers, ledger.reasons]
    RUBY
    assert_nil rss
    assert_empty layers
    assert_match(/Too many open files/, reasons[:rss])
  end

  def test_a_forked_child_has_a_ledger_of_its_own
    sum = ChildProcess.ruby(<<~RUBY).value
      reader, writer = IO.pipe
      fork { ledger = AllocStats.ledger; writer.puts(ledger.layers.sum { |layer| layer.bytes || 0 } - ledger.rss) }
      Process.wait
      writer.close
      reader.read.to_i
    RUBY
    assert_equal 0, sum
  end
end
