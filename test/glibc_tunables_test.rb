# frozen_string_literal: true

require "test_helper"

class GlibcTunablesTest < Minitest::Test
  LINKER = ["/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"].find { |path| File.exist?(path) }

  def values(environment) = AllocStats::Allocators::Glibc::Tunables.new(environment).to_h.transform_values(&:value)

  def test_nothing_is_set_by_default
    assert_empty values({})
    assert_empty ChildProcess.ruby("AllocStats.glibc_tunables").value
  end

  # The dynamic linker shows what it made of the environment; what it makes of no number, versions differ in.
  # From 2.41 on some have a default other than zero.
  def test_it_reads_what_glibc_reads
    skip "no dynamic linker of glibc that lists tunables" unless LINKER
    defaults = listed({})
    [
      {"MALLOC_ARENA_MAX" => "4"},
      {"MALLOC_TOP_PAD_" => "0x10", "MALLOC_MMAP_MAX_" => "010", "MALLOC_TRIM_THRESHOLD_" => " 7"},
      {"MALLOC_TRIM_THRESHOLD_" => "-1", "MALLOC_MMAP_MAX_" => "-1", "MALLOC_ARENA_MAX" => "-1"},
      {"MALLOC_TOP_PAD_" => "18446744073709551615", "MALLOC_ARENA_TEST" => "+3"},
      {"GLIBC_TUNABLES" => "glibc.malloc.top_pad=7:glibc.malloc.top_pad=9", "MALLOC_TOP_PAD_" => "5"},
      {"MALLOC_ARENA_MAX" => "4", "GLIBC_TUNABLES" => "glibc.malloc.arena_max=0:glibc.malloc.perturb=300:glibc.malloc.check=2"},
      {"GLIBC_TUNABLES" => "glibc.malloc.tcache_count=0:glibc.malloc.mxfast=64:glibc.rtld.optional_static_tls=512"}
    ].each do |environment|
      theirs = listed(environment).reject { |name, value| value == defaults[name] }
      assert_equal theirs, values(environment).reject { |name, value| value == defaults[name] }, environment
    end
  end

  def listed(environment)
    outcome = ChildProcess.command(LINKER, "--list-tunables", env: environment, check: false)
    skip "this dynamic linker lists no tunables" unless outcome.success?
    outcome.stdout.scan(/^(glibc\.malloc\.\w+): (\S+)/).to_h { |name, value| [name, Integer(value)] }
  end

  # Until 2.40 it was the largest there is; 2.41 ignores it.
  def test_what_no_number_of_glibc_holds_is_kept_as_text
    skip "no dynamic linker of glibc that lists tunables" unless LINKER
    environment = {"MALLOC_TOP_PAD_" => "99999999999999999999"}
    assert_includes [AllocStats::Allocators::Glibc::Tunables::MOST, listed({})["glibc.malloc.top_pad"]], listed(environment)["glibc.malloc.top_pad"]
    assert_equal({"glibc.malloc.top_pad" => nil}, values(environment))
  end

  def test_what_is_no_number_is_kept_as_text
    tunable = AllocStats::Allocators::Glibc::Tunables.new({"MALLOC_ARENA_MAX" => "4x"})["glibc.malloc.arena_max"]
    assert_nil tunable.value
    assert_equal ["4x", "MALLOC_ARENA_MAX"], [tunable.text, tunable.source]
  end

  def test_odd_environments_are_read
    ["", ":", "=", "=:=", "glibc.malloc.arena_max", "glibc.malloc.arena_max=", "\xff=\xff:glibc.malloc.top_pad=\xff", "x" * 10_000].each do |text|
      assert_empty values({"GLIBC_TUNABLES" => text}).compact
    end
  end

  def test_unknown_names_are_refused
    error = assert_raises(AllocStats::UnknownName) { AllocStats::Allocators::Glibc::Tunables.new({})["glibc.malloc.arena_mx"] }
    assert_includes error.message, "did you mean glibc.malloc.arena_max?"
  end

  def test_a_process_knows_its_own
    tunables, certain = ChildProcess.ruby("[AllocStats.glibc_tunables.transform_values(&:to_h), AllocStats::Allocators::Glibc::Tunables.of_start.certain?]", env: {"MALLOC_ARENA_MAX" => "3"}).value
    assert_equal({"glibc.malloc.arena_max": {value: 3, source: "MALLOC_ARENA_MAX", text: "3"}}, tunables)
    assert certain
  end

  # A title that was written over the environment of the start leaves ENV.
  def test_after_a_change_of_title_it_is_not_certain
    value, certain = ChildProcess.ruby("$0 = 'x' * 4000; [AllocStats.glibc_tunables.values.map(&:value), AllocStats::Allocators::Glibc::Tunables.of_start.certain?]", env: {"MALLOC_ARENA_MAX" => "3"}).value
    assert_equal [3], value
    refute certain
  end
end
