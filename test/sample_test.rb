# frozen_string_literal: true

require "test_helper"
require "support/object_count"

class SampleTest < Minitest::Test
  def test_every_figure_has_a_reader_and_a_name
    sample = AllocStats.sample
    assert_equal AllocStats.figures.keys, sample.to_h.keys
    hash = sample.to_h
    AllocStats.figures.each_key do |name|
      [hash[name], sample[name], sample[name.to_s], sample.public_send(name)].each do |value|
        hash[name].nil? ? assert_nil(value) : assert_equal(hash[name], value)
      end
    end
  end

  def test_the_catalogue_describes_itself
    AllocStats.figures.each do |name, figure|
      assert_equal name, figure.name
      assert_includes %i[bytes pages threads arenas faults], figure.unit
      assert_includes %i[gauge counter], figure.kind
      assert_operator figure.definition.split.size, :>=, 8, name
      assert_empty figure.allocators - AllocStats::Allocators.known
    end
  end

  def test_refresh_reads_anew_into_the_same_object
    same, risen = ChildProcess.ruby(<<~RUBY).value
      sample = AllocStats.sample
      faults = sample.minor_faults
      kept = Array.new(100) { "x" * 500_000 }
      [sample.refresh.equal?(sample), sample.minor_faults - faults]
    RUBY
    assert same
    assert_operator risen, :>, 100
  end

  def test_rss_agrees_with_the_kernels_own_page
    from_status = File.read("/proc/self/status")[/VmRSS:\s+(\d+)/, 1].to_i * 1024
    assert_in_delta from_status, AllocStats.sample.rss, 4_000_000
  end

  def test_refresh_makes_no_ruby_object
    code = "sample = AllocStats.sample; ObjectCount.of(10_000) { sample.refresh }"
    assert_equal 0, ChildProcess.ruby(code, require: ["allocstats", ObjectCount::FILE]).value
  end

  def test_refresh_takes_nothing_from_the_measured_malloc
    entry = TestAllocators["jemalloc-5.3.0"]
    skip entry.missing if entry.missing
    taken = ChildProcess.ruby(<<~RUBY, allocator: entry, require: %w[allocstats fiddle]).value
      mallctl = Fiddle::Function.new(Fiddle::Handle::DEFAULT["mallctl"], [Fiddle::TYPE_VOIDP] * 4 + [Fiddle::TYPE_SIZE_T], Fiddle::TYPE_INT)
      value, size = Fiddle::Pointer.malloc(8), Fiddle::Pointer.malloc(8)
      size[0, 8] = [8].pack("Q")
      allocated = -> { mallctl.call("thread.allocated", value, size, nil, 0); value[0, 8].unpack1("Q") }
      sample = AllocStats.sample
      measure = ->(times) { before = allocated.call; times.times { sample.refresh }; allocated.call - before }
      measure.call(10)
      [measure.call(0), *Array.new(3) { measure.call(10_000) }]
    RUBY
    nothing, *rounds = taken
    assert_equal nothing, rounds.min # Ruby may take something for itself in one of them
  end

  def test_unknown_names_get_the_nearest
    error = assert_raises(AllocStats::UnknownName) { AllocStats.sample[:alocated] }
    assert_match(/:alocated/, error.message)
    assert_match(/did you mean allocated\?/, error.message)
  end

  def test_names_that_are_no_names
    sample = AllocStats.sample
    ["", "x" * 1_000_000, "\xff\xfe", "rss\0", nil, 4711, Object.new, [], Float::NAN].each do |name|
      error = assert_raises(AllocStats::UnknownName) { sample[name] }
      assert_operator error.message.size, :<, 300
    end
  end

  def test_a_closed_sample_says_so
    sample = AllocStats.sample
    held = AllocStats.private_heap.held[:samples]
    assert_nil sample.close
    assert_operator AllocStats.private_heap.held[:samples], :<, held
    assert_predicate sample, :closed?
    assert_nil sample.close
    [-> { sample.rss }, -> { sample[:rss] }, -> { sample.refresh }, -> { sample.to_h }, -> { sample.dup }].each do |use|
      assert_match(/closed/, assert_raises(AllocStats::Error, &use).message)
    end
    assert_match(/closed/, sample.inspect)
  end

  def test_a_sample_that_never_read_is_no_crash
    sample = AllocStats::Sample.allocate
    assert_raises(AllocStats::Error) { sample.rss }
    assert_raises(AllocStats::Error) { sample.refresh }
    sample.send(:initialize)
    assert_kind_of Integer, sample.rss
    assert_raises(AllocStats::Error) { sample.send(:initialize) }
  end

  def test_a_foreign_object_is_refused
    rss = AllocStats::Sample.instance_method(:rss)
    assert_raises(TypeError) { rss.bind_call(Object.new) }
    assert_raises(TypeError) { AllocStats.sample.send(:initialize_copy, Object.new) }
    assert_raises(TypeError) { Marshal.dump(AllocStats.sample) }
  end

  def test_a_copy_stands_alone
    copied, later, after_close, refreshed = ChildProcess.ruby(<<~RUBY).value
      sample = AllocStats.sample
      copy = sample.dup
      copied = copy.minor_faults
      kept = Array.new(100) { "x" * 500_000 }
      refreshed = sample.refresh.minor_faults
      later = copy.minor_faults
      sample.close
      [copied, later, copy.minor_faults, refreshed]
    RUBY
    assert_equal [copied, copied], [later, after_close]
    assert_operator refreshed, :>, copied
  end

  def test_a_frozen_sample_can_be_read_and_not_refreshed
    sample = AllocStats.sample.freeze
    assert_kind_of Integer, sample.rss
    assert_raises(FrozenError) { sample.refresh }
    assert_raises(FrozenError) { sample.close }
  end

  # What another Ractor may read at this moment.
  def test_a_shared_sample_can_be_filled_by_no_way_at_all
    [Ractor.make_shareable(AllocStats.sample), AllocStats.sample.clone(freeze: true), AllocStats.sample.freeze.clone].each do |sample|
      before = sample.to_h
      kept = Array.new(100) { "x" * 500_000 }
      other = AllocStats.sample
      [[:refresh], [:close], [:initialize], [:initialize_copy, other], [:initialize_dup, other], [:initialize_clone, other]].each do |name, *arguments|
        assert_raises(FrozenError, name) { sample.send(name, *arguments) }
      end
      assert_equal before, sample.to_h
      kept.clear
    end
    assert_raises(FrozenError) { AllocStats::Sample.allocate.freeze.send(:initialize) }
    refute_predicate AllocStats.sample.freeze.dup, :frozen?
  end

  # Of each of these it is tested here what frozen, copied and empty ones do: another one belongs here, too.
  def test_the_objects_that_the_extension_keeps_something_in
    kept = ChildProcess.ruby(<<~RUBY, require: %w[allocstats objspace]).value
      scopes = [AllocStats]
      name_of = Module.instance_method(:name) # some of ours mean something else by it
      scopes.each do |scope|
        scope.constants(false).each do |name|
          value = scope.const_get(name) rescue next # for an application that is not there
          scopes << value if value.is_a?(Module) && name_of.bind_call(value).to_s.start_with?("AllocStats::") && !scopes.include?(value)
        end
      end
      classes = scopes.grep(Class).reject { |type| type <= Exception || type.instance_method(:initialize).owner == Struct }
      classes.select { |type| ObjectSpace.dump(type.allocate).include?('"type":"DATA"') rescue false }.map(&:name)
    RUBY
    assert_equal ["AllocStats::Sample", "AllocStats::SingleFlight"], kept.sort
    flight = AllocStats::SingleFlight.new("a test")
    frozen = flight.clone(freeze: true)
    [-> { frozen.run { 1 } }, -> { frozen.share(1, nil, 1) { 1 } }, -> { frozen.send(:initialize, "x") }].each { |use| assert_raises(FrozenError, &use) }
    assert_match(/inside/, assert_raises(AllocStats::Refused) { AllocStats::SingleFlight.allocate.then { |empty| empty.run { empty.run { 1 } } } }.message)
    assert_equal [1, 2, 3], [flight.run { 1 }, flight.dup.run { 2 }, AllocStats::SingleFlight.allocate.run { 3 }]
    assert_raises(TypeError) { Marshal.dump(flight) }
    refute Ractor.shareable?(flight.freeze)
  end

  def test_a_copy_over_a_sample_of_the_parent_is_the_childs
    code = "sample = AllocStats.sample; reader, writer = IO.pipe; Process.wait(fork { sample.send(:initialize_copy, AllocStats.sample); writer.puts(sample.rss) }); writer.close; reader.gets.to_i"
    assert_operator ChildProcess.ruby(code).value, :>, 0
  end

  def test_a_forked_child_is_told_that_the_sample_is_the_parents
    sample = AllocStats.sample
    reader, writer = IO.pipe
    pid = fork do
      messages = %i[rss refresh to_h].map { |use|
        begin
          sample.public_send(use) && "nothing was raised"
        rescue
          $!.message
        end
      }
      sample.close
      writer.write(Marshal.dump([messages, AllocStats.sample.rss]))
      exit!(0)
    end
    Process.wait(pid)
    writer.close
    messages, rss = Marshal.load(reader.read)
    messages.each { |message| assert_match(/before a fork/, message) }
    assert_kind_of Integer, rss
    assert_kind_of Integer, sample.refresh.rss
  end

  def test_samples_of_many_ractors
    skip "this Ruby has no Ractor" unless defined?(Ractor)
    value = ChildProcess.ruby(<<~RUBY, options: ["-W:no-experimental"]).value
      shared = AllocStats.sample.freeze
      shareable = Ractor.shareable?(shared)
      ractors = Array.new(3) { Ractor.new(shared) { |given| own = AllocStats::Sample.new; 500.times { own.refresh }; [own.rss, given.rss] } }
      moved = Ractor.new(AllocStats.sample) { |copy| copy.refresh.rss }
      value = ->(ractor) { ractor.respond_to?(:value) ? ractor.value : ractor.take } # take is gone in Ruby 4.0
      [shareable, ractors.map(&value), value.call(moved)]
    RUBY
    assert value[0]
    value[1].flatten.each { |rss| assert_operator rss, :>, 1_000_000 }
    assert_operator value[2], :>, 1_000_000
  end

  def test_readings_in_the_middle_of_compaction_and_stress
    result = ChildProcess.ruby(<<~RUBY)
      sample = AllocStats.sample
      GC.stress = true
      20.times { sample.refresh; AllocStats.sample.to_h; sample.inspect }
      GC.stress = false
      20.times { GC.compact if GC.respond_to?(:compact); sample.refresh; sample.to_h }
      GC.stress = true
      AllocStats.allocator.to_h
      AllocStats.private_heap.to_h
      GC.stress = false
      sample.rss
    RUBY
    assert_operator result.value, :>, 1_000_000
  end

  def test_a_process_that_closed_all_its_descriptors_still_reads
    rss, full = ChildProcess.ruby(<<~RUBY, require: %w[allocstats json]).value
      sample = AllocStats.sample
      sample.refresh
      kept = Dir.children("/proc/self/fd").map(&:to_i).find { |fd| File.readlink("/proc/self/fd/\#{fd}").end_with?("statm") rescue false }
      IO.for_fd(kept, autoclose: false).close if kept
      rss = sample.refresh.rss
      fds = []
      begin
        loop { fds << IO.sysopen("/dev/null") }
      rescue Errno::EMFILE
        full = sample.dup.refresh.rss
      end
      [rss, full]
    RUBY
    assert_operator rss, :>, 1_000_000
    assert_operator full, :>, 1_000_000
  end

  def test_a_full_descriptor_table_gives_nil_and_never_zero
    first, sample = ChildProcess.ruby(<<~RUBY, require: %w[allocstats json]).value
      Process.setrlimit(:NOFILE, 40)
      begin
        loop { IO.sysopen("/dev/null") }
      rescue Errno::EMFILE
        first = AllocStats.sample.to_h
      end
      IO.for_fd(39).close
      [first, AllocStats.sample.to_h]
    RUBY
    assert_nil first[:rss]
    assert_nil first[:virtual_size]
    assert_kind_of Integer, first[:minor_faults]
    assert_kind_of Integer, sample[:rss]
  end

  def test_live_and_kept_are_what_the_figures_say
    TestAllocators.each do |entry|
      next if entry.missing
      figures, live, kept = ChildProcess.ruby("sample = AllocStats.sample; [sample.to_h, sample.live, sample.kept]", allocator: entry).value
      held = figures[:resident] || figures[:committed]
      if figures[:allocated]
        assert_equal figures[:allocated], live, entry.key
        assert_equal [held - live, 0].max, kept, entry.key
      else
        assert_equal [nil, nil], [live, kept], entry.key
      end
    end
  end
end
