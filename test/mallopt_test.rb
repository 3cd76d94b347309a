# frozen_string_literal: true

require "test_helper"

class MalloptTest < Minitest::Test
  def answer(code, **options) = ChildProcess.ruby(code, **options).value

  def error_of(*arguments, **keywords)
    answer("begin; AllocStats.mallopt(*#{arguments.inspect}, **#{keywords.inspect}); rescue AllocStats::Error => error; [error.class.name.delete_prefix('AllocStats::'), error.message]; end")
  end

  def test_what_was_set_is_remembered
    before, first, second, setting = answer(<<~RUBY)
      before = AllocStats.mallopts[:top_pad].value
      [before, AllocStats.mallopt(:top_pad, 65536), AllocStats.mallopt("top_pad", 0), AllocStats.mallopts[:top_pad].to_h]
    RUBY
    assert_nil before
    assert_nil first
    assert_equal 65_536, second
    assert_equal({set: 0, start: nil, source: "mallopt"}, setting)
  end

  def test_what_was_set_is_remembered_in_forked_children
    assert_equal 4, answer("AllocStats.mallopt(:arena_max, 4); read, write = IO.pipe; Process.wait(fork { write << AllocStats.mallopts[:arena_max].value }); write.close; read.read.to_i")
  end

  def test_what_the_environment_set_is_told_with_its_source
    settings = answer("AllocStats.mallopt(:top_pad, 4096); AllocStats.mallopts.transform_values(&:to_h)",
      env: {"MALLOC_ARENA_MAX" => "2", "MALLOC_TOP_PAD_" => "8192", "GLIBC_TUNABLES" => "glibc.malloc.mxfast=64"})
    assert_equal({set: nil, start: 2, source: "MALLOC_ARENA_MAX"}, settings[:arena_max])
    assert_equal({set: nil, start: 64, source: "GLIBC_TUNABLES"}, settings[:mxfast])
    assert_equal({set: 4096, start: 8192, source: "mallopt"}, settings[:top_pad])
    assert_equal({set: nil, start: nil, source: nil}, settings[:mmap_max])
  end

  # Threads that allocate at the same time need an arena each, as far as the limit goes.
  CROWD = <<~RUBY
    crowd = -> { Array.new(40) { Thread.new { sleep 0.15; 100.times { "x" * 2_000 }; sleep 0.1 } }.each(&:join) }
    arenas = -> { AllocStats.malloc_info[:arena_count] }
  RUBY

  def test_a_limit_on_arenas_holds
    assert_equal 2, answer("#{CROWD} AllocStats.mallopt(:arena_max, 2); crowd.call; arenas.call")
  end

  # What the definition of :arena_max says: malloc never looks again.
  def test_a_limit_on_arenas_that_came_into_use_stays
    assert_equal [2, 2], answer("#{CROWD} AllocStats.mallopt(:arena_max, 2); crowd.call; first = arenas.call; AllocStats.mallopt(:arena_max, 12); crowd.call; [first, arenas.call]")
  end

  def test_a_block_has_a_mapping_of_its_own_from_the_threshold_on
    below, above = answer(<<~RUBY)
      AllocStats.mallopt(:mmap_threshold, 1 << 20)
      before = AllocStats.mallinfo2[:hblks]
      small = "x" * 500_000
      below = AllocStats.mallinfo2[:hblks] - before
      large = "x" * 2_000_000
      [below, AllocStats.mallinfo2[:hblks] - before]
    RUBY
    assert_equal 0, below
    assert_equal 1, above
  end

  def test_unknown_names_are_refused_with_the_nearest
    kind, message = error_of(:trim_treshold, 1)
    assert_equal "UnknownName", kind
    assert_includes message, "did you mean trim_threshold?"
    assert_equal "UnknownName", error_of("M_ARENA_MAX\0", 1).first
    assert_equal "UnknownName", error_of(-8, 1).first
  end

  def test_values_that_do_not_fit_are_refused_and_nothing_is_set
    {arena_max: [0, -1, 65_537, 2**31, 2**64, 1.5, "2", nil, true], top_pad: [-1, 2**30], trim_threshold: [-2, 2**31], mmap_threshold: [0, 4095, 2**26], mxfast: [161]}.each do |name, values|
      values.each do |value|
        kind, message = error_of(name, value)
        assert_equal "InvalidValue", kind, "#{name} #{value.inspect}"
        assert_match(/\A#{name} takes an Integer from -?\d+ to \d+, not /, message)
      end
    end
    assert_nil answer("begin; AllocStats.mallopt(:arena_max, 0); rescue AllocStats::InvalidValue; AllocStats.mallopts[:arena_max].value; end")
  end

  def test_filling_blocks_needs_unsafe
    assert_equal "Refused", error_of(:perturb, 85).first
    assert_equal 85, answer("AllocStats.mallopt(:perturb, 85, unsafe: true); AllocStats.mallopts[:perturb].value")
  end

  def test_what_glibc_ignores_cannot_be_set
    assert_equal "ReadOnly", error_of(:check_action, 1).first
  end

  def test_the_catalogue_describes_every_option_on_any_allocator
    catalogue = AllocStats.mallopt_catalogue
    assert_includes catalogue, :arena_max
    catalogue.each do |name, option|
      assert_equal name, option.name
      assert_operator option.definition.split.size, :>, 5, name
      assert_equal "glibc.malloc.", option.tunable[0, 13]
    end
  end

  def test_a_trim_gives_free_pages_back
    released, before, after = answer(<<~RUBY)
      blocks = Array.new(40_000) { "x" * 1_500 }
      blocks.fill(nil, 0, 20_000) # what lies below them is in nobody's way and not at the end of the heap
      GC.start
      sample = AllocStats.sample
      before = sample.rss
      [AllocStats.malloc_trim, before, sample.refresh.rss]
    RUBY
    assert released
    assert_operator before - after, :>, 10_000_000
  end

  def test_the_pad_of_a_trim_is_checked
    [-1, 2**64, 1.0, nil, "1", true].each do |pad|
      kind, = answer("begin; AllocStats.malloc_trim(#{pad.inspect}); rescue AllocStats::Error => error; [error.class.name]; end")
      assert_equal "AllocStats::InvalidValue", kind, pad.inspect
    end
    assert_includes [true, false], answer("AllocStats.malloc_trim(1 << 20)")
  end
end
