# frozen_string_literal: true

require "test_helper"
require "support/compiled"

# Each allocator's methods, under every other one.
class NativeApisTest < Minitest::Test
  CALLS = {
    mimalloc: %w[mi_option(:verbose) mi_option(:verbose,1) mi_options mi_option_catalogue mi_stats mi_process_info],
    glibc: %w[mallopt(:arena_max,2) mallopts malloc_info mallinfo2 malloc_trim glibc_tunables],
    tcmalloc: %w[tcmalloc_property("generic.heap_size") tcmalloc_properties tcmalloc_release_rate tcmalloc_release_rate(1) tcmalloc_release_free_memory]
  }.freeze

  def messages(allocator, env: {})
    calls = CALLS.reject { |owner, _| owner == allocator&.name }.values.flatten
    ChildProcess.ruby("#{calls.inspect}.to_h { |call| [call, begin; eval(\"AllocStats.\#{call}\"); nil; rescue AllocStats::Unsupported => error; error.message; end] }", allocator: allocator, env: env).value
  end

  TestAllocators.each do |entry|
    define_method("test_the_others_native_apis_are_unsupported_under_#{entry.key}") do
      skip entry.missing if entry.missing
      messages(entry).each do |call, message|
        owner = CALLS.find { |_, calls| calls.include?(call.to_s) }.first
        name = call.to_s[/\w+/]
        assert_match(/\A#{name} is #{owner}'s own, and #{entry.name} #{Regexp.escape(entry.version)} runs this process/, message, call)
        assert_match(/its own are \w+/, message)
      end
    end

    define_method("test_its_own_native_api_answers_under_#{entry.key}") do
      skip entry.missing if entry.missing
      calls = CALLS.fetch(entry.name, [])
      assert_empty ChildProcess.ruby("#{calls.inspect}.filter_map { |call| begin; eval(\"AllocStats.\#{call}\"); nil; rescue AllocStats::Error => error; error.message; end }", allocator: entry).value
    end
  end

  def test_an_unknown_allocator_is_named_by_its_path
    library = Compiled.library("whole_shim")
    message = messages(nil, env: {"LD_PRELOAD" => library})[:mallopts]
    assert_includes message, "an allocator that allocstats does not know (#{library})"
    assert_includes message, "jemalloc has mallctl, mimalloc has mi_option, tcmalloc has tcmalloc_property, glibc has mallopt"
  end

  def test_trim_says_that_it_does_nothing_elsewhere
    entry = TestAllocators["jemalloc"]
    skip entry.missing if entry.missing
    assert_includes messages(entry)[:malloc_trim], "would do nothing there"
  end
end
