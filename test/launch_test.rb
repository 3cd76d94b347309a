# frozen_string_literal: true

require "test_helper"
require "digest"
require "fileutils"
require "json"
require "tmpdir"
require "support/command_line"

class LaunchTest < Minitest::Test
  Launch = AllocStats::Launch

  def list(text, path) = Launch::PreloadList.new(text).led_by(path)

  def test_a_library_goes_in_front_once
    assert_equal "/a/libjemalloc.so.2", list(nil, "/a/libjemalloc.so.2")
    assert_equal "/a/libjemalloc.so.2", list(" : ", "/a/libjemalloc.so.2")
    assert_equal "/a/libjemalloc.so.2:/x.so:y.so", list("/x.so y.so", "/a/libjemalloc.so.2")
    assert_equal "/a/libjemalloc.so.2:/x.so", list("/a/libjemalloc.so.2:/x.so", "/a/libjemalloc.so.2")
  end

  def test_an_allocator_gives_way
    assert_equal "/a/libjemalloc.so.2:/x.so", list("libtcmalloc_minimal.so.4 /x.so:/b/libmimalloc.so:libjemalloc.so", "/a/libjemalloc.so.2")
    assert_equal "/x.so", list("/x.so:/b/libmimalloc.so.2", nil)
    assert_nil list("/b/libmimalloc.so.2", nil)
  end

  def test_what_is_no_text
    assert_equal "/a/libjemalloc.so.2:/\xFF.so".b, list("/\xFF.so", "/a/libjemalloc.so.2").b
    assert_equal "/a.so", list("/a.so", nil)
  end

  def choice(variables = {}, **options)
    choice = Launch::Choice.new(environment: variables, **options)
    [choice.allocator, choice.profile]
  end

  def test_who_chooses_goes_by_rank
    all = {"ALLOCSTATS_ALLOCATOR" => "mimalloc", "ALLOCSTATS_PROFILE" => "balanced", "JEMALLOC_ENABLED" => "true"}
    assert_equal %w[tcmalloc throughput], choice(all, allocator: "tcmalloc", profile: "throughput")
    assert_equal %w[mimalloc balanced], choice(all)
    assert_equal ["jemalloc", nil], choice({"ALLOCSTATS_ALLOCATOR" => "", "ALLOCSTATS_PROFILE" => "", "JEMALLOC_ENABLED" => "true"})
    assert_equal [nil, nil], choice
  end

  def test_the_buildpacks_switches
    assert_equal "mimalloc", choice({"JEMALLOC_ENABLED" => "false", "MIMALLOC_ENABLED" => "TRUE"}).first
    assert_equal "libc", choice({"JEMALLOC_ENABLED" => "false"}).first
    assert_equal "libc", choice({"JEMALLOC_ENABLED" => "0", "MIMALLOC_ENABLED" => ""}).first
    assert_raises(AllocStats::InvalidValue) { choice({"MIMALLOC_ENABLED" => "\xFF"}) }
    assert_raises(AllocStats::InvalidValue) { choice({"MIMALLOC_ENABLED" => "true", "JEMALLOC_ENABLED" => "on"}) }
  end

  # Where the distributions put it, in a made-up root with this machine's own library.
  def in_root(*places)
    entry = TestAllocators["jemalloc-5.3.0"]
    skip entry.missing if entry.missing
    Dir.mktmpdir do |root|
      places.each do |place|
        FileUtils.mkdir_p("#{root}/#{File.dirname(place)}")
        FileUtils.cp(entry.path, "#{root}/#{place}")
      end
      yield root, entry
    end
  end

  def found(root, environment = {})
    Launch::System.libraries(root: root, environment: environment).map { |library| library.path.delete_prefix(root) }
  end

  %w[usr/lib/x86_64-linux-gnu usr/lib/aarch64-linux-gnu usr/lib64 usr/lib usr/local/lib lib home/linuxbrew/.linuxbrew/lib].each do |folder|
    define_method("test_found_in_#{folder.gsub(/\W/, "_")}") do
      in_root("#{folder}/libjemalloc.so.2") do |root, entry|
        assert_equal ["/#{folder}/libjemalloc.so.2"], found(root)
        library = Launch::System.libraries(root: root).first
        assert_equal [:jemalloc, entry.version, :system, nil], [library.name, library.version, library.origin, library.problem]
        assert_equal Digest::SHA256.file(entry.path).hexdigest, library.sha256
      end
    end
  end

  def test_found_by_the_linkers_cache_and_by_search_paths
    in_root("opt/odd/libmimalloc.so.2", "own/libjemalloc.so.2") do |root|
      FileUtils.mkdir_p("#{root}/etc")
      File.binwrite("#{root}/etc/ld.so.cache", "ld.so-1.7.0\0\1\2/opt/odd/libmimalloc.so.2\0libz.so.1\0/usr/lib/gone/libjemalloc.so.2\0")
      assert_equal ["/opt/odd/libmimalloc.so.2"], found(root)
      assert_equal ["/own/libjemalloc.so.2", "/opt/odd/libmimalloc.so.2"], found(root, {"LD_LIBRARY_PATH" => "relative::#{root}/own"})
    end
  end

  def test_one_file_counts_once_under_its_lasting_name
    in_root("usr/lib/libjemalloc.so.2.1") do |root|
      File.symlink("libjemalloc.so.2.1", "#{root}/usr/lib/libjemalloc.so.2")
      File.symlink("libjemalloc.so.2", "#{root}/usr/lib/libjemalloc.so")
      File.symlink("usr/lib", "#{root}/lib")
      assert_equal ["/usr/lib/libjemalloc.so.2"], found(root).map { |path| path.sub(%r{\A/lib}, "/usr/lib") }
    end
  end

  def test_what_is_no_allocator_for_programs_is_left_alone
    in_root("usr/lib/libmimalloc-secure.so.2", "usr/lib/libtcmalloc_minimal_debug.so.4", "usr/lib/libtcmalloc_and_profiler.so", "usr/lib/libjemalloc_pic.a") do |root|
      assert_empty found(root)
    end
  end

  def test_what_cannot_be_loaded_is_found_and_not_offered
    in_root("usr/lib/libjemalloc.so.2") do |root|
      File.write("#{root}/usr/lib/libmimalloc.so.2", "no library")
      assert_equal ["/usr/lib/libjemalloc.so.2"], found(root)
      assert_equal "it is no shared library", Launch::System.found(root: root, environment: {}).last.problem
    end
  end

  def test_a_path_that_LD_PRELOAD_cannot_hold
    in_root("usr/lib/with space/libjemalloc.so.2") do |root|
      error = assert_raises(AllocStats::Unsupported) { Launch.environment(allocator: "#{root}/usr/lib/with space/libjemalloc.so.2", base: {}) }
      assert_match(/LD_PRELOAD cannot hold a path with a space/, error.message)
    end
  end

  TestAllocators.each do |entry|
    # The same table, seen from outside and from inside of the process.
    define_method("test_the_environment_of_a_profile_is_the_tuners_own_#{entry.key.gsub(/\W/, "_")}") do
      skip entry.missing if entry.missing
      AllocStats::Tuner::Profiles::NAMES.each do |profile|
        environment = Launch.environment(allocator: CommandLine.allocator(entry), profile: profile, base: {})
        tuned = ChildProcess.ruby("AllocStats.tune(:#{profile}).environment", allocator: entry).value
        assert_equal tuned.transform_keys(&:to_s), environment.except("LD_PRELOAD")
        assert_equal [entry.path].compact, environment.values_at("LD_PRELOAD").compact # none for glibc
      end
    end
  end

  def environment(key, base, profile: :low_memory)
    entry = TestAllocators[key]
    skip entry.missing if entry.missing
    Launch.environment(allocator: CommandLine.allocator(entry), profile: profile, base: base).except("LD_PRELOAD")
  end

  def test_the_users_keys_win
    assert_equal({"MALLOC_CONF" => "narenas:1,muzzy_decay_ms:0,dirty_decay_ms:9,background_thread:false"},
      environment("jemalloc-5.3.0", {"MALLOC_CONF" => "dirty_decay_ms:9,background_thread:false"}))
    refute environment("mimalloc-3.6.0", {"mimalloc_purge_delay" => "7"}).key?("MIMALLOC_PURGE_DELAY")
    refute environment("mimalloc-3.6.0", {"MIMALLOC_RESET_DELAY" => "7"}).key?("MIMALLOC_PURGE_DELAY")
    assert_equal %w[MALLOC_TRIM_THRESHOLD_], environment("glibc", {"MALLOC_ARENA_MAX" => "3", "GLIBC_TUNABLES" => "glibc.malloc.mmap_threshold=999999:glibc.rtld.optional_static_tls=512"}).keys
    assert_equal %w[TCMALLOC_MAX_TOTAL_THREAD_CACHE_BYTES], environment("tcmalloc-2.10", {"TCMALLOC_RELEASE_RATE" => "2"}).keys
  end

  def test_nothing_is_said_twice
    full = environment("jemalloc-5.3.0", {})
    assert_empty environment("jemalloc-5.3.0", {"LD_PRELOAD" => TestAllocators["jemalloc-5.3.0"].path, **full})
  end

  def test_it_does_not_change_this_process
    before = ENV.to_h
    environment("jemalloc-5.3.0", ENV)
    assert_equal before, ENV.to_h
  end

  def test_the_version_that_is_asked_for
    library = Launch.libraries.find { |one| one.version } or skip "this machine has no allocator"
    major = library.version[/\A\d+/]
    [library.version, major].each do |version|
      assert_equal library.path, Launch.environment(allocator: "#{library.name}-#{version}", base: {})["LD_PRELOAD"] || flunk
    end
    error = assert_raises(AllocStats::Unsupported) { Launch.environment(allocator: "#{library.name}-98.7", base: {}) }
    assert_match(/#{library.name} 98\.7 is not on this machine: there is .*#{Regexp.escape(library.path)}/, error.message)
  end

  def test_a_trial_that_does_not_end_is_ended
    library = stubborn
    assert_match(/had not ended after 0.5 s/, Launch::Probe.new({"LD_PRELOAD" => library}, seconds: 0.5).problem)
  end

  def test_bundled_libraries_newest_first
    Dir.mktmpdir do |folder|
      {"mimalloc-3.4.3" => "mimalloc", "jemalloc-5.3.0" => "jemalloc", "jemalloc-5.10.0" => "jemalloc", "other" => "other"}.each do |name, allocator|
        FileUtils.mkdir("#{folder}/#{name}")
        File.write("#{folder}/#{name}/built.json", JSON.generate(name: allocator, version: name[/[\d.]+/].to_s, library: "lib.so", archive: "a.tar", archive_sha256: "0", archive_origin: "upstream"))
      end
      FileUtils.mkdir("#{folder}/broken")
      File.write("#{folder}/broken/built.json", "{")
      libraries = Launch::Bundled.libraries(folder)
      assert_equal [[:jemalloc, "5.10.0"], [:jemalloc, "5.3.0"], [:mimalloc, "3.4.3"]], libraries.map { |library| [library.name, library.version] }
      assert_equal "#{folder}/jemalloc-5.10.0/lib.so", libraries.first.path
      assert_equal "upstream", libraries.first.build[:archive_origin]
    end
  end

  private

  # A library whose constructor never returns.
  def stubborn
    require "support/compiled"
    Compiled.library("stubborn")
  end
end
