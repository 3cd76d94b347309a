# frozen_string_literal: true

require "test_helper"
require "support/under_each"

module MiOptionTests
  # What a call of mi_option raises: [class, message].
  def error_of(*arguments, **keywords)
    child("begin; AllocStats.mi_option(*#{arguments.inspect}, **#{keywords.inspect}); rescue AllocStats::Error => error; [error.class.name.delete_prefix('AllocStats::'), error.message]; end")
  end

  # The library itself says at its start, when it is told to be verbose, which options it has, in the order of their
  # numbers.
  def test_the_numbers_are_those_of_the_library
    result = child_result("[AllocStats::Allocators::Mimalloc.numbering, AllocStats.mi_options]", env: {"MIMALLOC_VERBOSE" => "1"})
    printed = result.stderr.scan(/option '(\w+)': (-?\d+)/).each_with_index.map { |(name, value), number| [name.to_sym, number, value.to_i] }
    numbering, values = result.value
    assert_operator printed.size, :>, 20
    printed.reject { |name, *| name.start_with?("deprecated_") }.each do |name, number, value|
      assert_equal number, numbering[name], name
      assert_equal value, values[name], name
    end
    assert_empty numbering.keys - printed.map(&:first)
  end

  # Set by name in the environment, read by number.
  def test_what_the_environment_sets_is_read
    settable = child("AllocStats.mi_option_catalogue.values.select { |option| option.kind == :live && option.unit != :switch }.map { |option| [option.name, option.unit, option.range.begin, option.range.end] }")
    wanted = settable.to_h { |name, unit, least, most| [name.to_sym, [least + 1, most].min] }.except(:verbose)
    env = wanted.to_h { |name, value| ["MIMALLOC_#{name.upcase}", (settable.assoc(name.to_s)[1] == "KiB") ? "#{value}K" : value.to_s] }
    assert_equal wanted, child("AllocStats.mi_options", env: env).slice(*wanted.keys)
  end

  def test_an_option_is_set_and_read_back
    before, answered, after, same = child(<<~RUBY)
      before = AllocStats.mi_option(:purge_delay)
      answered = AllocStats.mi_option("purge_delay", 123)
      [before, answered, AllocStats.mi_option(:purge_delay), AllocStats.mi_options.values_at(:purge_delay, :decommit_delay).compact]
    RUBY
    assert_equal before, answered
    assert_equal 123, after
    assert_equal [123], same
  end

  def test_a_switch_takes_true_and_false
    assert_equal [[1, 0], [0, 1]], child("[true, false].map { |value| AllocStats.mi_option(:show_stats, !value); [AllocStats.mi_option(:show_stats, value), AllocStats.mi_option(:show_stats)].reverse }")
  end

  def test_a_set_option_is_what_mimalloc_acts_on
    assert_match(/heap stats|subproc/, child_result("AllocStats.mi_option(:show_stats, true)").stderr)
  end

  def test_a_name_that_no_version_has_is_unknown
    kind, message = error_of(:max_eror)
    assert_equal "UnknownName", kind
    assert_includes message, "did you mean max_errors?"
    assert_equal "UnknownName", error_of(3).first
    assert_equal "UnknownName", error_of("\xff\0").first
    assert_equal "UnknownName", error_of("").first
  end

  def test_a_name_that_another_version_has_is_unsupported
    name = child("AllocStats.mi_options.key?(:segment_decommit_delay)") ? :arena_reserve : :segment_decommit_delay
    kind, message = error_of(name)
    assert_equal "Unsupported", kind
    assert_match(/mimalloc #{Regexp.escape(self.class::ENTRY.version)} has no option #{name}: \d\.\d\.\d /, message)
  end

  def test_what_is_read_at_the_start_alone_cannot_be_set
    kind, message = error_of(:reserve_os_memory, 1024)
    assert_equal "ReadOnly", kind
    assert_includes message, "MIMALLOC_RESERVE_OS_MEMORY"
    assert_equal 0, child("AllocStats.mi_option(:reserve_os_memory)")
    assert child("AllocStats.mi_option_catalogue[:reserve_os_memory].start_only?")
  end

  def test_what_does_nothing_here_cannot_be_set
    assert_equal ["ReadOnly", "os_tag does nothing on Linux"], error_of(:os_tag, 7)
  end

  def test_what_can_crash_the_process_is_refused_without_unsafe
    kind, message = error_of(:destroy_on_exit, true)
    assert_equal "Refused", kind
    assert_includes message, "unsafe: true"
    assert_equal [0, 1], child("before = AllocStats.mi_option(:disallow_os_alloc, true, unsafe: true); after = AllocStats.mi_option(:limit_os_alloc); AllocStats.mi_option(:limit_os_alloc, 0, unsafe: true); [before, after]")
  end

  def test_a_value_that_does_not_fit_changes_nothing
    [-5, 2**31, 2**63, 2**200, -2**200, 1.0, "7", nil, :x, [1], true].each do |value|
      kind, message = error_of(:purge_delay, value)
      assert_equal "InvalidValue", kind, value.inspect
      assert_match(/takes an Integer from -?\d+ to \d+ \(ms\), not /, message)
    end
    assert_equal child("AllocStats.mi_option(:purge_delay)"), child("begin; AllocStats.mi_option(:purge_delay, 2**31); rescue AllocStats::InvalidValue; AllocStats.mi_option(:purge_delay); end")
  end

  def test_every_option_says_what_it_is
    child("AllocStats.mi_option_catalogue.transform_values(&:to_h)").each do |name, option|
      assert_includes %w[live new_threads start inert dangerous], option[:kind], name
      assert_operator option[:definition].split.size, :>, 2, name
      assert_equal option[:kind] == "start", option[:start_only], name
    end
  end

  def test_settings_hold_in_forked_children
    assert_equal 77, child("AllocStats.mi_option(:purge_delay, 77); read, write = IO.pipe; Process.wait(fork { write << AllocStats.mi_option(:purge_delay) }); write.close; read.read.to_i")
  end

  UnderEach.of(self, :mimalloc)
end

class MiOptionTest < Minitest::Test
  def test_deprecated_options_are_named_as_such
    entry = TestAllocators["mimalloc-3.6.0"]
    skip entry.missing if entry.missing
    message = ChildProcess.ruby("begin; AllocStats.mi_option(:eager_commit, true); rescue AllocStats::Unsupported => error; error.message; end", allocator: entry).value
    assert_match(/\Amimalloc 3\.\d+\.\d+ has deprecated eager_commit and ignores it\z/, message)
  end

  def test_names_that_mean_the_same_reach_the_option_the_version_has
    entry = TestAllocators["mimalloc-2.0.9"]
    skip entry.missing if entry.missing
    assert_equal %w[decommit_delay decommit_delay large_os_pages limit_os_alloc], ChildProcess.ruby(<<~RUBY, allocator: entry).value
      %i[purge_delay reset_delay allow_large_os_pages disallow_os_alloc].map { |name| AllocStats::Allocators::Mimalloc::MiOption.fetch(name).name }
    RUBY
  end
end
