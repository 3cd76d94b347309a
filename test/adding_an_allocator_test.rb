# frozen_string_literal: true

require "test_helper"
require "support/compiled"
require "fileutils"
require "tmpdir"

# Follows docs/adding_an_allocator.md to the letter in a copy of the sources: its files and its lines, nothing else. Then the
# tests that are there hold the new allocator to all of both contracts, as they hold each other one.
class AddingAnAllocatorTest < Minitest::Test
  ROOT = File.expand_path("..", __dir__)
  PAGE = File.read(File.join(ROOT, "docs/adding_an_allocator.md"))
  FILE = %r{^`((?:ext|lib)/[\w/]+\.\w+)`.*?:\n\n```\w+\n(.*?)```}m

  # What the list's own tests, and those of every allocator, say of it. The classes of others are told from its own by name.
  OWN = "/Tidymalloc|tidymalloc/"
  TESTS = {
    "allocator_contract" => "/Tidymalloc|AllocatorListTest/", "allocators_contract" => "/Tidymalloc|AllocatorsListTest/", "allocator_names" => "/./",
    "native_apis" => OWN, "help" => "/./", "signatures" => "/./", "census" => OWN
  }.freeze

  def test_two_rooms_and_two_lines_are_enough
    Dir.mktmpdir do |folder|
      copy(folder)
      follow_the_page(folder)
      compile(folder)
      library = install(folder)
      assert_known(folder, library)
      assert_tested(folder)
      assert_launched(folder, library)
    end
  end

  private

  def copy(folder)
    %w[ext lib exe sig test dependencies.yml archives].each { |name| FileUtils.cp_r(File.join(ROOT, name), folder) if File.exist?(File.join(ROOT, name)) }
    FileUtils.rm_f(Dir[File.join(folder, "lib/allocstats/*.so")])
  end

  def follow_the_page(folder)
    files = PAGE.scan(FILE)
    assert_equal 9, files.size
    files.each do |path, code|
      FileUtils.mkdir_p(File.dirname(File.join(folder, path)))
      File.write(File.join(folder, path), code)
    end
    insert(folder, "ext/allocstats/allocators.def", "ALLOCATOR(glibc)", line(/^ALLOCATOR\(tidymalloc\)\nNATIVE_API\(tidymalloc\)$/))
    replace(folder, "lib/allocstats/allocators.rb", /LIST = %i\[.*\]\.freeze/, line(/^LIST = .*$/))
    insert(folder, "test/support/allocators.rb", "Entry.new(name: :glibc)", "#{line(/Entry\.new\(name: :tidymalloc.*\)$/)},")
    insert(folder, "test/allocator_names_test.rb", "glibc: /", "#{line(/\{(tidymalloc: .*)\}$/)},")
    insert(folder, "sig/allocstats/native_apis.rbs", "def self.malloc_info:", line(/def self\.tidymalloc_option: .*$/))
  end

  def line(pattern) = PAGE[pattern, 1] || PAGE[pattern] || flunk("the page has no #{pattern.inspect}")

  def insert(folder, path, before, text) = replace(folder, path, before, "#{text}\n#{before}")

  def replace(folder, path, old, new)
    text = File.read(File.join(folder, path))
    refute_nil text[old], "#{path} has no #{old.inspect}"
    File.write(File.join(folder, path), text.sub(old) { new })
  end

  def compile(folder)
    build = File.join(folder, "build")
    FileUtils.mkdir_p(build)
    ChildProcess.command(RbConfig.ruby, File.join(folder, "ext/allocstats/extconf.rb"), "--enable-werror", chdir: build, timeout: 120)
    ChildProcess.command("make", "-j2", chdir: build, timeout: 300)
    FileUtils.cp(File.join(build, "allocstats.so"), File.join(folder, "lib/allocstats"))
  end

  # Where TestAllocators looks for it.
  def install(folder)
    place = File.join(folder, "cache/source/tidymalloc/1.2.0")
    FileUtils.mkdir_p(place)
    File.join(place, "libtidymalloc.so.1").tap { |library| FileUtils.cp(Compiled.library("made_up_allocator"), library) }
  end

  def assert_known(folder, library)
    allocator, sample, profile, measured, purged = ChildProcess.ruby(<<~RUBY, env: {"LD_PRELOAD" => library}, lib: "#{folder}/lib").value
      tuned = AllocStats.tune(:low_memory)
      measured = AllocStats.measure { String.new(capacity: 100_000) }
      [AllocStats.allocator.to_h, AllocStats.sample.to_h, [tuned.complete?, AllocStats.tidymalloc_option(:keep)], measured.given, AllocStats.purge.to_h]
    RUBY
    assert_equal ["tidymalloc", "1.2.0", "sole"], allocator.values_at(:name, :version, :verdict)
    assert_equal %w[census measure purge purge_thread sample], allocator[:capabilities].sort
    assert_includes allocator[:evidence].join, "came out of this tidymalloc"
    assert_operator sample[:allocated], :>, 1_000_000
    assert_equal [true, 0], profile
    assert_operator measured, :>=, 100_000
    assert_equal %w[tidy_trim], purged[:steps].map { |step| step[:name] } & %w[tidy_trim]
  end

  def assert_tested(folder)
    TESTS.each do |name, filter|
      result = ChildProcess.command(RbConfig.ruby, "-I#{folder}/lib", "-I#{folder}/test", "#{folder}/test/#{name}_test.rb", "-n", filter,
        env: {"ALLOCSTATS_CACHE" => "#{folder}/cache"}, bundler: true, chdir: folder, timeout: 300, check: false)
      assert_predicate result, :success?, "#{name}: #{result.stdout}#{result.stderr}"
      assert_match(/^[1-9]\d* runs, [1-9]\d* assertions, 0 failures, 0 errors, 0 skips/, result.stdout, name)
    end
  end

  # Found by its file, chosen by the buildpacks' kind of variable, started with a profile, and seen from outside.
  def assert_launched(folder, library)
    env = {"LD_LIBRARY_PATH" => File.dirname(library), "TIDYMALLOC_ENABLED" => "true"}
    script = "p [AllocStats.allocator.name, AllocStats.settings.map { |setting| [setting.name, setting.in_force, setting.state] }, AllocStats::OtherProcess.new(Process.pid).allocator.name]"
    command = [RbConfig.ruby, "-I#{folder}/lib", "#{folder}/exe/allocstats", "exec", "--profile", "balanced", "--", RbConfig.ruby, "-I#{folder}/lib", "-rallocstats", "-e", script]
    assert_equal "[:tidymalloc, [[\"keep\", 1048576, :in_force]], :tidymalloc]\n", ChildProcess.command(*command, env: env).stdout
  end
end
