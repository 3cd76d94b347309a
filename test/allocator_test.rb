# frozen_string_literal: true

require "test_helper"
require "support/compiled"
require "tmpdir"

# Each verdict in a real process that really is in that state.
class AllocatorTest < Minitest::Test
  CODE = "AllocStats.allocator.to_h"

  TestAllocators.each do |entry|
    define_method("test_#{entry.key}_is_the_sole_owner") do
      skip entry.missing if entry.missing

      found = ChildProcess.ruby(CODE, allocator: entry).value
      assert_equal entry.name.to_s, found[:name]
      assert_equal entry.version, found[:version]
      assert_equal "sole", found[:verdict]
      assert_equal((entry.name == :glibc) ? "libc" : "preloaded", found[:linkage])
      assert_equal [File.realpath(found[:path])], found[:functions].values.uniq.map { |path| File.realpath(path) }
      assert_equal File.realpath(entry.path), File.realpath(found[:path]) if entry.path
      assert_equal %i[malloc calloc realloc free posix_memalign aligned_alloc malloc_usable_size], found[:functions].keys
    end

    next if entry.name == :glibc

    define_method("test_#{entry.key}_knows_a_block_that_ruby_took") do
      skip entry.missing if entry.missing

      assert_equal "confirmed", ChildProcess.ruby("AllocStats::Allocator.proof", allocator: entry).value
    end
  end

  def test_as_text_it_is_its_verdict
    assert_equal AllocStats.allocator.verdict_sentence, AllocStats.allocator.to_s
  end

  def test_a_missing_library_is_a_preload_without_effect
    found = preloaded("/nowhere/libjemalloc.so.2")
    assert_equal "preload_ineffective", found[:verdict]
    assert_equal "glibc", found[:name]
    assert_evidence found, "/nowhere/libjemalloc.so.2", "there is no such file"
  end

  def test_a_name_without_a_folder_that_the_linker_does_not_find
    found = preloaded("libjemalloc-of-nobody.so.2")
    assert_equal "preload_ineffective", found[:verdict]
    assert_evidence found, "no library of this name in its search path"
  end

  def test_a_library_of_another_architecture
    Dir.mktmpdir do |folder|
      library = File.join(folder, "libjemalloc.so.2")
      bytes = File.binread(jemalloc.path)
      other_machine = (RbConfig::CONFIG["host_cpu"] == "aarch64") ? 0x3E : 0xB7
      bytes.setbyte(AllocStats::Procfs::ElfFile::MACHINE_AT, other_machine)
      File.binwrite(library, bytes)
      found = preloaded(library)
      assert_equal "preload_ineffective", found[:verdict]
      assert_evidence found, "built for another architecture"
    end
  end

  def test_a_text_file_is_no_library
    Dir.mktmpdir do |folder|
      File.write(library = File.join(folder, "libjemalloc.so.2"), "not an object")
      assert_evidence preloaded(library), "it is no shared library"
    end
  end

  def test_a_variable_that_a_wrapper_has_overwritten
    script = "LD_PRELOAD= #{RbConfig.ruby} -I#{ChildProcess::LIB} -rallocstats -rjson -e 'puts JSON.generate(AllocStats.allocator.to_h)'; true"
    result = ChildProcess.command("/bin/sh", "-c", script, allocator: jemalloc)
    found = JSON.parse(result.stdout, symbolize_names: true)
    assert_equal "preload_ineffective", found[:verdict]
    assert_equal "glibc", found[:name]
    assert_evidence found, jemalloc.path, "overwritten or dropped"
  end

  def test_a_variable_set_after_the_start
    found = ChildProcess.ruby("ENV['LD_PRELOAD'] = #{jemalloc.path.dump}; #{CODE}").value
    assert_equal "preload_ineffective", found[:verdict]
    assert_evidence found, "changed after the process had started"
  end

  def test_a_variable_that_was_scrubbed_because_the_program_is_setuid
    skip "making a setuid program takes root" unless Process.uid.zero?
    Dir.mktmpdir do |folder|
      File.chmod(0o755, folder)
      ruby = File.join(folder, "ruby")
      FileUtils.cp(RbConfig.ruby, ruby)
      File.chmod(0o4755, ruby)
      script = File.join(folder, "script.rb")
      File.write(script, "$LOAD_PATH.unshift #{ChildProcess::LIB.dump}; require 'allocstats'; require 'json'; puts JSON.generate(AllocStats.allocator.to_h)")
      result = ChildProcess.command("setpriv", "--reuid=65534", "--clear-groups", "env", "LD_PRELOAD=#{jemalloc.path}", ruby, script, check: false)
      skip "this machine runs no setuid programs: #{result.stderr.lines.first}" unless result.success?
      found = JSON.parse(result.stdout, symbolize_names: true)
      assert_equal "preload_ineffective", found[:verdict], result.stderr
      assert_evidence found, "gained rights"
    end
  end

  def test_an_allocator_opened_with_dlopen_alone_is_mapped_and_unused
    # jemalloc's thread-local storage is of the static kind; the linker keeps room for it where it is asked to
    code = "require 'fiddle'; Fiddle.dlopen(#{jemalloc.path.dump}); #{CODE}"
    found = ChildProcess.ruby(code, env: {"GLIBC_TUNABLES" => "glibc.rtld.optional_static_tls=8000"}).value
    assert_equal "mapped_unused", found[:verdict]
    assert_equal "glibc", found[:name]
    assert_evidence found, jemalloc.path, "carries jemalloc and owns none"
  end

  def test_two_preloaded_allocators
    first, second = TestAllocators["mimalloc-2.0.9"], jemalloc
    skip first.missing if first.missing
    found = preloaded("#{first.path}:#{second.path}")
    assert_equal "mapped_unused", found[:verdict]
    assert_equal "mimalloc", found[:name]
    assert_evidence found, second.path, "carries jemalloc and owns none"
  end

  def test_a_shim_that_takes_malloc_and_free_alone_mixes
    found = preloaded(Compiled.library("half_shim"))
    assert_equal "mixed", found[:verdict]
    owners = found[:functions].group_by(&:last).transform_values { |pairs| pairs.map(&:first) }
    assert_equal [%i[malloc free], %i[calloc realloc posix_memalign aligned_alloc malloc_usable_size]], owners.values
    assert_match(/half_shim\.so owns malloc and free/, found[:verdict_sentence])
  end

  def test_an_unknown_owner_is_named_by_its_path
    shim = Compiled.library("whole_shim")
    found = preloaded(shim)
    assert_equal %w[unknown unknown], found.values_at(:verdict, :name)
    assert_equal shim, found[:path]
    assert_equal "preloaded", found[:linkage]
    assert_empty found[:capabilities]
    assert_includes found[:verdict_sentence], shim
  end

  def test_an_allocator_in_the_executable
    archive = Dir["/usr/lib/*/libjemalloc.a"].first or skip "libjemalloc.a is not here: `apt-get install libjemalloc-dev`"
    found = run_ruby(Compiled.ruby("ruby_with_static_jemalloc", "-Wl,--whole-archive", archive, "-Wl,--no-whole-archive"))
    assert_equal %w[jemalloc static sole], found.values_at(:name, :linkage, :verdict)
    assert_match(/ruby_with_static_jemalloc\z/, found[:path])
  end

  def test_an_allocator_that_the_program_is_linked_with
    library = Dir["/usr/lib/*/libjemalloc.so"].first or skip "libjemalloc.so is not here: `apt-get install libjemalloc-dev`"
    found = run_ruby(Compiled.ruby("ruby_with_linked_jemalloc", "-Wl,--no-as-needed", library, "-Wl,--as-needed"))
    assert_equal %w[jemalloc linked sole], found.values_at(:name, :linkage, :verdict)
  end

  def test_one_by_its_name
    assert_equal [:jemalloc, :glibc, nil], [:jemalloc, "glibc", nil].map { |name| AllocStats::Allocator.named(name) }
    [:unknown, "", "Jemalloc", "jemaloc", 1].each do |name|
      error = assert_raises(AllocStats::UnknownName) { AllocStats::Allocator.named(name) }
      assert_match(/\Ano allocator is named #{Regexp.escape(name.inspect)}; (?:did you mean jemalloc\?|there are jemalloc, mimalloc, tcmalloc, glibc, musl)\z/, error.message)
    end
  end

  def test_a_process_title_over_the_environment_is_not_taken_for_an_environment
    code = "$0 = 'puma: cluster worker 0: 4711 [application]' * 40; [AllocStats::Procfs::StartEnvironment.new.readable?, #{CODE}]"
    readable, found = ChildProcess.ruby(code, allocator: jemalloc).value
    refute readable
    assert_equal %w[jemalloc preloaded sole], found.values_at(:name, :linkage, :verdict)
  end

  private

  def jemalloc
    TestAllocators["jemalloc-5.3.0"].tap { |entry| skip entry.missing if entry.missing }
  end

  def preloaded(value)
    ChildProcess.ruby(CODE, env: {"LD_PRELOAD" => value}).value
  end

  def run_ruby(program)
    code = "puts JSON.generate(#{CODE})"
    output = ChildProcess.command(program, "-I#{ChildProcess::LIB}", "-rallocstats", "-rjson", "-e", code).stdout
    JSON.parse(output, symbolize_names: true)
  end

  def assert_evidence(found, *parts)
    assert found[:evidence].any? { |sentence| parts.all? { |part| sentence.include?(part) } },
      "no evidence with #{parts.inspect} in\n#{found[:evidence].join("\n")}"
  end
end
