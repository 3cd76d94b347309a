# frozen_string_literal: true

require "test_helper"
require "digest"
require "fileutils"
require "json"
require "minitest/mock"
require "open3"
require "tmpdir"
require "support/archive_server"
require "support/installed_gem"
require "support/jemalloc_build"
require_relative "../ext/allocstats/build/bundle"

# ALLOCSTATS_BUNDLE: allocators to preload, built with the gem.
class BundleTest < Minitest::Test
  include AllocStats::Build

  def setup
    @folder = Dir.mktmpdir("allocstats-bundle")
  end

  def teardown
    FileUtils.rm_rf(@folder)
  end

  def bundle(name, version, **options)
    Bundle.new(name, version: version, folder: "#{@folder}/build", target: "#{@folder}/bundled", **options)
  end

  def refusal(&block) = assert_raises(Failure, &block).message

  def test_names
    assert_equal %w[jemalloc mimalloc], Bundle.names("jemalloc, mimalloc,jemalloc")
    assert_match(/tcmalloc cannot be bundled: use jemalloc and mimalloc/, refusal { Bundle.names("jemalloc,tcmalloc") })
    assert_match(/nothing cannot be bundled|use jemalloc and mimalloc/, refusal { Bundle.names(",") })
  end

  def test_an_unknown_version_lists_those_known
    assert_match(/pins no archive of mimalloc 9\.9; it has mimalloc 2\.0\.9, mimalloc 2\.2\.4, mimalloc 2\.4\.1, mimalloc 3\.1\.5, mimalloc 3\.4\.3\.\z/,
      refusal { bundle("mimalloc", "9.9").install })
  end

  def test_the_default_versions_are_pinned_by_upstream
    SharedAllocator::NAMES.each do |name|
      pins = Dependencies.load.pins(name, Dependencies.load.bundled_version(name))
      assert pins.any?(&:url), name
    end
  end

  def test_a_wrong_hash_says_which_is_right
    pin = Dependencies.load.pins("mimalloc", "3.4.3").first
    ArchiveServer.open("/#{pin.file}" => [200, "something else"]) do |server|
      sources = [Sources::Upstream.new(@folder, mirror: server.url)]
      assert_match(/is not the archive of mimalloc 3\.4\.3 that is pinned: its SHA-256 is #{Digest::SHA256.hexdigest("something else")}, expected #{pin.sha256}/,
        refusal { bundle("mimalloc", "3.4.3", sources: sources).install })
    end
    assert_empty Dir.glob("#{@folder}/bundled/*")
  end

  def test_sources_that_do_not_compile_leave_nothing
    FileUtils.mkdir_p("#{@folder}/mimalloc/src")
    File.write("#{@folder}/mimalloc/src/static.c", "#error this is no C\n")
    system("tar", "-czf", "#{@folder}/made.tar.gz", "-C", @folder, "mimalloc")
    pin = Pin.new(name: "mimalloc", version: "1.0", file: "made.tar.gz", sha256: Digest::SHA256.file("#{@folder}/made.tar.gz").hexdigest)
    archive = Archive.new(pin, "#{@folder}/made.tar.gz", "here")
    assert_match(/mimalloc 1\.0, to preload, did not compile \(see .*build\.log\): try another compiler/, refusal { SharedAllocator.for(archive, "#{@folder}/build").build })
  end

  # @return [AllocStats::Launch::Library] as the command finds it
  def installed(name, version, **options)
    path = bundle(name, version, **options).install
    AllocStats::Launch::Bundled.libraries("#{@folder}/bundled").find { |library| library.path == path }
  rescue Failure => failure
    skip failure.message if failure.message.start_with?("no source archive")
    raise
  end

  def test_jemalloc
    library = installed("jemalloc", "5.3.1", folder: JemallocBuild::FOLDER)
    assert_equal [:jemalloc, "5.3.1", :bundled, nil], [library.name, library.version, library.origin, library.problem]
    version, profiler, allocator = ChildProcess.ruby("[AllocStats.allocator.version, AllocStats.mallctl('config.prof'), AllocStats.allocator.to_h]", env: {"LD_PRELOAD" => library.path}).value
    assert_equal ["5.3.1", true, "sole", library.path], [version, profiler, allocator[:verdict], allocator[:path]]
  end

  def test_mimalloc
    library = installed("mimalloc", "2.0.9")
    assert_equal [:mimalloc, "2.0.9", :bundled, nil], [library.name, library.version, library.origin, library.problem]
    record = JSON.parse(File.read("#{File.dirname(library.path)}/built.json"))
    assert_equal Digest::SHA256.file(library.path).hexdigest, record["sha256"]
    assert_includes Dependencies.load.pins("mimalloc", "2.0.9").map(&:sha256), library.build[:archive_sha256]
    threads = "(Array.new(4) { Thread.new { Array.new(1000) { 'x' * rand(5000) } } }.each(&:join); Process.wait(fork { exit!(GC.start.nil?) }); $?.success?)"
    value = ChildProcess.ruby("[#{threads}, AllocStats.allocator.verdict, AllocStats.purge.outcome]", env: {"LD_PRELOAD" => library.path}).value
    assert_equal [true, "sole"], value[0, 2]
    assert_includes %w[released nothing], value[2]
  end

  # Whoever lacks one of malloc's functions leaves it to the C library: such a process mixes two allocators.
  def test_a_mimalloc_on_musl_owns_all_of_malloc
    skip "musl-gcc is not on this machine" unless system("which", "musl-gcc", out: File::NULL)
    archive = Archive.obtain(pins: Dependencies.load.pins("mimalloc", "2.0.9"), sources: Sources.usual(folder: Sources::ARCHIVES, mirror: nil, download: false), report: ->(_) {})
    allocator = SharedAllocator.for(archive, @folder)
    Platform.stub(:compiler, "musl-gcc") { Platform.stub(:libc, "musl") { allocator.build } }
    defined = `nm -D --defined-only #{allocator.library}`.lines.map { |line| line.split.last }
    assert_empty File.read(File.expand_path("../ext/allocstats/owned_functions.def", __dir__)).scan(/^OWNED_FUNCTION\((\w+)/).flatten - defined
  rescue Failure => failure
    skip failure.message if failure.message.start_with?("no source archive")
    raise
  end

  def test_it_is_used_again_and_replaced_whole
    2.times { installed("mimalloc", "2.0.9") }
    lines = []
    installed("mimalloc", "2.0.9", report: lines.method(:<<))
    assert_equal "mimalloc 2.0.9 to preload was compiled before", lines.last
    assert_equal ["mimalloc-2.0.9"], Dir.children("#{@folder}/bundled")
  end

  # As a person gets it: gem install, with the archive that is in the gem.
  def test_gem_install_builds_it
    gem = InstalledGem.instance
    skip "the gem carries another archive" unless gem.files.any? { |path| path.include?("mimalloc_2.0.9") }
    home = gem.another_home(@folder, {"ALLOCSTATS_BUNDLE" => "mimalloc", "ALLOCSTATS_MIMALLOC_VERSION" => "2.0.9"})
    environment = {"GEM_HOME" => home, "GEM_PATH" => home}
    result = ChildProcess.command("#{home}/bin/allocstats", "exec", "-a", "mimalloc-2.0.9", "-p", "low_memory", RbConfig.ruby, "-rallocstats", "-e", "print AllocStats.allocator.path", env: environment, chdir: @folder)
    assert_match(%r{\A#{home}/gems/allocstats-[\d.]+/lib/allocstats/bundled/mimalloc-2\.0\.9/libmimalloc\.so\.2\z}, result.stdout)
    versions = ChildProcess.command("#{home}/bin/allocstats", "versions", env: environment, chdir: @folder).stdout
    assert_match(/bundled:\n  mimalloc 2\.0\.9 .*\n.*\n.*built from mimalloc_2\.0\.9.* \(the gem's archives\)/, versions)
    refute_match(/^  mimalloc 2\.0\.9,/, versions)
    only = ChildProcess.command("#{home}/bin/allocstats", "exec", "--only", "ruby", "-a", "mimalloc-2.0.9", "sh", "-c", "grep -c mimalloc /proc/self/maps", env: environment, chdir: @folder, check: false)
    assert_equal ["0\n", ""], [only.stdout, only.stderr]
  end
end
