# frozen_string_literal: true

require "test_helper"
require "digest"
require "open3"
require "tmpdir"
require "support/archive_server"
require "support/private_heap_build"
require_relative "../ext/allocstats/build/archive"

# Where the private allocator's source comes from, and that no byte of it is taken on trust.
class BuildTest < Minitest::Test
  include AllocStats::Build

  BYTES = "the bytes of an archive"

  def setup
    @folder = Dir.mktmpdir("allocstats-build")
    @lines = []
  end

  def teardown = FileUtils.rm_rf(@folder)

  def pin(bytes: BYTES, version: "1.0", file: "made-#{version}.tar.gz", url: nil, debian: nil)
    Pin.new(name: "made", version: version, file: file, url: url, debian: debian, sha256: Digest::SHA256.hexdigest(bytes))
  end

  # A folder of this test that holds `files`, as a source.
  def folder_with(files = {}, name: "mine")
    path = File.join(@folder, name)
    FileUtils.mkdir_p(path)
    files.each { |file, bytes| File.binwrite(File.join(path, file), bytes) }
    Sources::Folder.new(path, "the folder #{name}")
  end

  def keep = File.join(@folder, "kept")

  def kept = File.directory?(keep) ? Dir.children(keep) : []

  def upstream(**options) = Sources::Upstream.new(keep, **options)

  def obtain(*pins, sources:) = Archive.obtain(pins: pins, sources: sources, report: @lines.method(:<<))
end

class PlatformTest < BuildTest
  def with_host_os(name)
    before = RbConfig::CONFIG["host_os"]
    RbConfig::CONFIG["host_os"] = name
    yield
  ensure
    RbConfig::CONFIG["host_os"] = before
  end

  # musl-gcc is the machine's gcc, which says gnu.
  def test_a_ruby_on_musl_whose_compiler_does_not_say_so
    assert_equal "musl", with_host_os("linux-musl") { Platform.libc }
    assert_equal "glibc", with_host_os("linux-gnu") { Platform.libc } unless `#{Platform.compiler} -dumpmachine`.include?("musl")
  end
end

class DependenciesTest < BuildTest
  def dependencies = Dependencies.load

  def test_every_archive_is_pinned_by_a_hash_that_somebody_checked
    dependencies.private_allocators.flat_map { |name| dependencies.pins(name) }.each do |pin|
      assert_match(/\A\h{64}\z/, pin.sha256, pin.to_s)
      refute_empty pin.checked.to_s, pin.to_s
      assert pin.url || pin.debian, "#{pin} can be had from somewhere"
      assert_match(/\.tar\.(gz|bz2|xz)\z/, pin.file)
      assert_equal %w[file package suite], pin.debian.keys.sort if pin.debian
    end
  end

  def test_both_private_allocators_can_be_had_from_upstream_and_from_debian
    dependencies.private_allocators.each do |name|
      pins = dependencies.private_pins(name)
      assert pins.any?(&:url), "#{name} from upstream"
      assert pins.any?(&:debian), "#{name} from Debian"
    end
    assert_equal "mimalloc", dependencies.private_allocators.first
  end

  def test_one_version_can_have_two_archives
    assert_equal [true, false], dependencies.pins("jemalloc", "5.3.1").map { |pin| pin.url.to_s.start_with?("https://") }
  end

  def test_what_is_not_pinned_is_named
    error = assert_raises(Failure) { dependencies.pins("jemalloc", "9.9") }
    assert_match(/pins no archive of jemalloc 9\.9; it has .*jemalloc 5\.3\.0/, error.message)
  end
end

class ArchiveTest < BuildTest
  def test_the_first_source_that_has_it_is_taken
    sources = [folder_with(name: "empty"), folder_with({"made-1.0.tar.gz" => BYTES}), folder_with({"made-1.0.tar.gz" => "worse"}, name: "last")]
    archive = obtain(pin, sources: sources)
    assert_equal File.join(@folder, "mine", "made-1.0.tar.gz"), archive.path
    assert_equal "the folder mine", archive.origin
    assert_match(/\Ano made 1\.0 from the folder empty: not in /, @lines[0])
    assert_match(/\Amade 1\.0 from the folder mine: .*as pinned/, @lines[1])
  end

  def test_the_preferred_version_is_taken_where_a_source_has_both
    old, new = pin(version: "1.0"), pin(version: "2.0")
    both = folder_with({old.file => BYTES, new.file => BYTES})
    assert_equal "2.0", obtain(new, old, sources: [both]).pin.version
    assert_equal "1.0", obtain(old, new, sources: [both]).pin.version
  end

  def test_a_nearer_source_comes_before_a_better_version
    old, new = pin(version: "1.0"), pin(version: "2.0")
    near, far = folder_with({old.file => BYTES}, name: "near"), folder_with({new.file => BYTES}, name: "far")
    assert_equal "1.0", obtain(new, old, sources: [near, far]).pin.version
  end

  def test_debians_name_of_the_file_is_known_in_a_folder
    renamed = pin(debian: {"package" => "made", "suite" => "sid", "file" => "made_1.0.orig.tar.gz"})
    assert_equal "made_1.0.orig.tar.gz", File.basename(obtain(renamed, sources: [folder_with({"made_1.0.orig.tar.gz" => BYTES})]).path)
  end

  def test_one_wrong_byte_is_refused_with_both_hashes
    wrong = BYTES.sub("b", "B")
    error = assert_raises(Failure) { obtain(pin, sources: [folder_with({"made-1.0.tar.gz" => wrong})]) }
    assert_includes error.message, Digest::SHA256.hexdigest(BYTES)
    assert_includes error.message, Digest::SHA256.hexdigest(wrong)
    assert_includes error.message, File.join(@folder, "mine", "made-1.0.tar.gz")
  end

  def test_what_cannot_be_had_anywhere_is_one_sentence_with_the_fix
    error = assert_raises(Failure) { obtain(pin(version: "2.0"), pin(version: "1.0"), sources: [folder_with]) }
    assert_match(/\Ano source archive of made 2\.0 or 1\.0 could be had: .*--with-archives=FOLDER\.\z/, error.message)
    refute_includes error.message, "\n"
  end

  def test_it_is_unpacked_without_its_outer_folder
    Dir.mkdir(inner = File.join(@folder, "made-1.0"))
    File.write(File.join(inner, "static.c"), "int x;")
    packed = File.join(@folder, "made-1.0.tar.gz")
    assert system("tar", "-czf", packed, "-C", @folder, "made-1.0")

    archive = obtain(pin(bytes: File.binread(packed)), sources: [Sources::Folder.new(@folder, "here")])
    target = File.join(@folder, "unpacked")
    FileUtils.mkdir_p(target)
    File.write(File.join(target, "left-over"), "")
    assert_equal target, archive.unpack(target)
    assert_equal ["static.c"], Dir.children(target)
  end

  def test_what_tar_cannot_unpack_is_one_sentence
    archive = obtain(pin, sources: [folder_with({"made-1.0.tar.gz" => BYTES})])
    error = assert_raises(Failure) { archive.unpack(File.join(@folder, "unpacked")) }
    assert_match(/\Atar could not unpack .*made-1\.0\.tar\.gz: .*install gzip/, error.message)
  end

  def test_the_sources_are_asked_in_the_order_of_their_cost
    names = Sources.usual(folder: @folder, mirror: nil).map(&:to_s)
    assert_equal ["the gem's archives", "the folder named by --with-archives or ALLOCSTATS_ARCHIVES", "upstream", "Debian's source package"], names
    assert_equal names.first(2), Sources.usual(folder: @folder, mirror: nil, download: false).map(&:to_s)
  end
end

class UpstreamTest < BuildTest
  def test_it_is_downloaded_and_kept
    ArchiveServer.open("/made.tar.gz" => [200, BYTES]) do |server|
      archive = obtain(pin(url: server.url("/made.tar.gz")), sources: [upstream])
      assert_equal [BYTES, File.join(keep, "made-1.0.tar.gz")], [File.binread(archive.path), archive.path]
      assert_equal ["made-1.0.tar.gz"], kept
    end
  end

  def test_a_redirection_is_followed_but_not_for_ever
    ArchiveServer.open("/tag" => [302, "/made"], "/made" => [200, BYTES], "/loop" => [302, "/loop"]) do |server|
      assert obtain(pin(url: server.url("/tag")), sources: [upstream])
      assert_nil (looping = upstream).fetch(pin(url: server.url("/loop")))
      assert_match(/too many redirections/, looping.reason)
    end
  end

  def test_wrong_bytes_are_refused_and_not_kept
    ArchiveServer.open("/made" => [200, "other bytes"]) do |server|
      error = assert_raises(Failure) { obtain(pin(url: server.url("/made")), sources: [upstream]) }
      assert_includes error.message, Digest::SHA256.hexdigest("other bytes")
      assert_includes error.message, Digest::SHA256.hexdigest(BYTES)
      assert_empty kept
    end
  end

  def test_the_next_source_is_asked_when_it_has_moved
    ArchiveServer.open({}) do |server|
      obtain(pin(url: server.url("/gone")), sources: [upstream, folder_with({"made-1.0.tar.gz" => BYTES})])
      assert_match(%r{\Ano made 1\.0 from upstream: http://.*/gone answered 404 Not Found\z}, @lines.first)
    end
  end

  def test_the_next_source_is_asked_when_it_cannot_be_reached
    closed = TCPServer.open("127.0.0.1", 0) { |socket| socket.addr[1] }
    obtain(pin(url: "http://127.0.0.1:#{closed}/made"), sources: [upstream, folder_with({"made-1.0.tar.gz" => BYTES})])
    assert_match(/\Ano made 1\.0 from upstream: .* cannot be reached \(.*refused/, @lines.first)
  end

  def test_a_host_without_an_address_is_no_accident
    unknown = upstream
    assert_nil unknown.fetch(pin(url: "http://name.invalid/made"))
    assert_match(/name\.invalid.*cannot be reached/, unknown.reason)
  end

  def test_a_server_that_says_nothing_is_left
    ArchiveServer.open("/made" => :silence) do |server|
      [upstream(read: 0.2), upstream(whole: 0.2)].each do |impatient|
        seconds = seconds_of { assert_nil impatient.fetch(pin(url: server.url("/made"))) }
        assert_operator seconds, :<, 5
        refute_nil impatient.reason
      end
    end
  end

  def test_a_mirror_is_asked_instead
    ArchiveServer.open("/archives/made-1.0.tar.gz" => [200, BYTES]) do |server|
      mirror = upstream(mirror: server.url("/archives/"))
      assert obtain(pin(url: "http://name.invalid/made"), sources: [mirror])
      assert_equal ["/archives/made-1.0.tar.gz"], server.asked
      assert_equal "the mirror #{server.url("/archives")}", mirror.to_s
    end
  end

  def test_what_upstream_does_not_publish_is_not_asked_for
    silent = upstream
    assert_nil silent.fetch(pin(url: nil))
    assert_equal "it does not publish this archive", silent.reason
  end

  private

  def seconds_of
    started = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    yield
    Process.clock_gettime(Process::CLOCK_MONOTONIC) - started
  end
end

class DebianTest < BuildTest
  LIST = <<~TEXT
    # a comment
    deb http://mirror.example/debian bookworm main contrib # and another
    deb-src http://mirror.example/debian bookworm main contrib
    deb [arch=amd64 signed-by=/k.gpg] http://mirror.example/security bookworm-security main
    # deb http://switched.example/off bookworm main
  TEXT

  STANZAS = <<~TEXT
    # a comment
    Types: deb
    URIs: http://mirror.example/debian
    Suites: trixie trixie-updates
    Components: main
    Signed-By: /k.gpg

    Types: deb deb-src
    URIs: http://mirror.example/security
    Suites: trixie-security
    Components: main

    Enabled: no
    Types: deb
    URIs: http://switched.example/off
    Suites: trixie
    Components: main
  TEXT

  def sources_of(files)
    paths = files.map do |name, text|
      File.join(@folder, name).tap { |path| File.write(path, text) }
    end
    Sources::AptSources.new(paths)
  end

  def written(sources, **options)
    target = File.join(@folder, "derived")
    FileUtils.rm_rf(target)
    return unless sources.write_source_lists(target, **options)

    Dir[File.join(target, "*")].sort.to_h { |path| [File.extname(path), File.read(path)] }
  end

  def test_one_line_entries_become_entries_for_sources
    derived = Dir.mktmpdir { |target| sources_of("a.list" => LIST).write_source_lists(target) && Dir[File.join(target, "*")].sort.map { |path| File.read(path) } }
    assert_equal [
      "deb-src http://mirror.example/debian bookworm main contrib\n",
      "deb-src [arch=amd64 signed-by=/k.gpg] http://mirror.example/security bookworm-security main\n"
    ], derived
  end

  def test_stanzas_become_stanzas_for_sources
    text = Dir.mktmpdir { |target| sources_of("a.sources" => STANZAS).write_source_lists(target) && Dir[File.join(target, "*")].sort.map { |path| File.read(path) } }
    assert_equal 2, text.size
    assert_equal ["Types: deb-src", "Types: deb-src"], text.map { |stanza| stanza[/^Types:.*/] }
    assert_includes text.first, "Signed-By: /k.gpg"
    refute_includes text.join, "switched.example"
  end

  def test_another_suite_of_the_same_archive
    assert_equal "deb-src http://mirror.example/debian sid main contrib\n", written(sources_of("a.list" => LIST), suite: "sid")[".list"]
    stanza = written(sources_of("a.sources" => STANZAS), suite: "sid")[".sources"]
    assert_includes stanza, "Suites: sid\n"
    assert_includes stanza, "URIs: http://mirror.example/debian\n"
  end

  def test_a_machine_without_sources_has_nothing_to_write
    none = sources_of({})
    refute_predicate none, :any?
    assert_nil written(none)
  end

  def test_a_machine_without_sources_is_told
    debian = Sources::Debian.new(keep, machine: sources_of({}))
    assert_nil debian.fetch(pin(debian: {"package" => "made", "suite" => "sid", "file" => "made.orig.tar.gz"}))
    assert_match(/no apt-get|name no archive/, debian.reason)
  end

  def test_a_package_that_debian_does_not_have_is_told
    debian = Sources::Debian.new(keep)
    assert_nil debian.fetch(pin)
    assert_equal "it has no such package", debian.reason
  end

  # The real thing, over the network of this machine; what the machine itself knows of packages stays as it was.
  def test_debian_brings_the_default_private_allocator
    pin = Dependencies.load.private_pins("mimalloc").find(&:debian)
    before = apt_of_this_machine
    debian = Sources::Debian.new(keep)
    path = debian.fetch(pin) or skip "Debian's archive is not to be had here: #{debian.reason}"

    assert_equal pin.sha256, Digest::SHA256.file(path).hexdigest
    assert_equal [pin.file], kept
    assert_equal before, apt_of_this_machine
  end

  private

  def apt_of_this_machine
    Dir["/etc/apt/**/*", "/var/lib/apt/lists/*"].sort.to_h { |path| [path, File.stat(path).mtime] }
  end
end

# extconf.rb as a process: what it prints, and the one sentence for each thing that is missing.
class ExtconfTest < BuildTest
  EXTENSION = File.expand_path("../ext/allocstats", __dir__)

  # The gem's build in a folder of its own, with nothing in archives/.
  def gem_without_archives
    @gem ||= File.join(@folder, "gem").tap do |gem|
      FileUtils.mkdir_p(File.join(gem, "ext"))
      FileUtils.cp_r(EXTENSION, File.join(gem, "ext"))
      FileUtils.cp_r(File.expand_path("../lib", __dir__), gem)
      FileUtils.cp(Dependencies::PATH, gem)
    end
  end

  # Answers [stdout, stderr, success]. `before` is Ruby code that runs first, in the same process.
  def extconf(*arguments, env: {}, before: nil)
    build = File.join(@folder, "build")
    FileUtils.mkdir_p(build)
    script = File.join(gem_without_archives, "ext", "allocstats", "extconf.rb")
    command = before ? ["-rrbconfig", "-e", "#{before}; load ARGV.shift", script] : [script]
    stdout, stderr, status = Open3.capture3(environment.merge(env), RbConfig.ruby, *command, *arguments, chdir: build)
    [stdout, stderr, status.success?]
  end

  # Without what the developer, or Bundler, has set for the process that runs the tests.
  def environment
    ENV.keys.grep(/\A(ALLOCSTATS_|RUBY|GEM_|BUNDLE|CC\z|MAKE)/).to_h { |name| [name, nil] }
  end

  # That it ends with one sentence, which matches.
  def refuses(sentence, *arguments, **options)
    _, stderr, success = extconf(*arguments, **options)
    refute success, "extconf.rb went on"
    assert_match(/\Aallocstats: .*\.\n\z/, stderr)
    assert_match(sentence, stderr)
    assert_equal 1, stderr.lines.size, stderr
  end

  def archives_here = Sources::ARCHIVES

  # A private allocator's archive of this checkout, which was compiled from one.
  def an_archive
    Dependencies.load.private_pins("mimalloc").map { |pin| File.join(archives_here, pin.file) }.find { |path| File.file?(path) } ||
      flunk("archives/ holds no mimalloc: `rake archive` brings it")
  end

  def test_help
    stdout, stderr, success = extconf("--help")
    assert success
    assert_empty stderr
    %w[--with-private-allocator --with-archives --with-archive-mirror --disable-download --enable-werror].each do |option|
      assert_includes stdout, option
    end
    refute_path_exists File.join(@folder, "build", "Makefile")
  end

  def test_it_says_what_it_chose_and_why
    stdout, stderr, success = extconf("--disable-download", "--with-archives=#{archives_here}")
    assert success, stderr
    assert_match(/^allocstats: compiler .*Ruby #{RUBY_VERSION}/o, stdout)
    assert_match(/^allocstats: private allocator: mimalloc, the default$/, stdout)
    assert_match(/^allocstats: no mimalloc .* from the gem's archives: no folder /, stdout)
    assert_match(/^allocstats: mimalloc \S+ from the folder named by --with-archives.*as pinned/, stdout)
    assert_match(/^allocstats: mimalloc \S+ compiled: /, stdout)
  end

  def test_the_sources_are_found_by_looking
    added = File.join(gem_without_archives, "ext", "allocstats", "allocators", "made_up.c")
    File.write(added, "int made_up;\n")
    _, stderr, success = extconf("--with-private-allocator=libc")
    assert success, stderr
    makefile = File.read(File.join(@folder, "build", "Makefile"))
    assert_match(/^OBJS = .*\bmade_up\.o\b/, makefile)
    assert_match(/^OBJS = .*\bprivate_heap\.o\b/, makefile)
  end

  def test_two_sources_of_one_name_are_two_objects
    folder = File.join(gem_without_archives, "ext", "allocstats", "allocators", "made_up")
    FileUtils.mkdir_p(folder)
    FileUtils.touch(File.join(folder, "sample.c"))
    _, stderr, success = extconf("--with-private-allocator=libc")
    assert success, stderr
    objects = File.read(File.join(@folder, "build", "Makefile"))[/^OBJS = (.*)/, 1].split
    assert_includes objects, "sample.o"
    assert_includes objects, "allocators/made_up/sample.o"
  end

  def test_another_platform_installs_and_builds_nothing
    stdout, stderr, success = extconf(before: 'RbConfig::CONFIG["host_os"] = "darwin23"')
    assert success, stderr
    assert_match(/not built: it works on Linux alone, and this is darwin23/, stdout)
    build = File.join(@folder, "build")
    %w[clean all install].each { |target| assert system("make", "-s", target, chdir: build, out: File::NULL) }
    assert_equal ["Makefile"], Dir.children(build)
  end

  def test_a_missing_compiler
    refuses(/no C compiler \(no-such-cc\): install .*build-essential/, env: {"CC" => "no-such-cc"})
  end

  def test_a_compiler_that_cannot_compile
    refuses(/cannot build a program/, env: {"CC" => "true"})
  end

  def test_a_missing_make
    refuses(/no make: install .*build-essential/, env: {"MAKE" => "no-such-make"})
  end

  def test_missing_headers_of_ruby
    refuses(%r{Ruby's header files are missing \(/nowhere/ruby.h\): install .*ruby-dev}, before: 'RbConfig::CONFIG["rubyhdrdir"] = "/nowhere"')
  end

  def test_a_missing_archive
    refuses(/no source archive of mimalloc .* could be had: connect .*, or put .*--with-archives=FOLDER/, "--disable-download")
  end

  def test_an_archive_with_one_wrong_byte
    folder_with({File.basename(an_archive) => File.binread(an_archive).tap { |bytes| bytes.setbyte(-1, bytes.getbyte(-1) ^ 1) }})
    refuses(/is not the archive .* its SHA-256 is \h{64}, expected #{Digest::SHA256.file(an_archive).hexdigest};/,
      "--with-archives=#{@folder}/mine")
  end

  def test_a_wrong_archive_inside_the_gem
    Dir.mkdir(File.join(gem_without_archives, "archives"))
    File.write(File.join(gem_without_archives, "archives", File.basename(an_archive)), "nonsense")
    refuses(/its SHA-256 is #{Digest::SHA256.hexdigest("nonsense")}, expected \h{64};/)
  end

  def test_an_unknown_private_allocator
    refuses(/--with-private-allocator=tcmalloc is not known: use mimalloc or jemalloc/, "--with-private-allocator=tcmalloc")
  end

  def test_an_option_without_its_value
    refuses(/--with-archives needs a value/, "--with-archives")
    refuses(/must be an absolute path: here is not/, "--with-archives=here")
  end

  def test_sources_that_do_not_compile
    broken = File.join(@folder, "broken-1.0")
    FileUtils.mkdir_p([File.join(broken, "src"), File.join(broken, "include")])
    File.write(File.join(broken, "include", "mimalloc.h"), "#error this is no C\n")
    pack_as_private_allocator(broken)
    refuses(/mimalloc 1\.0, the private allocator, did not compile \(see .*build\.log\): try another compiler/, "--with-archives=#{@folder}")
    assert_match(/this is no C/, File.read(File.join(@folder, "build", "private_heap", "mimalloc-1.0", "build.log")))
  end

  # Upstream's way from end to end: the pinned URL, a redirection, the check, the compiler.
  def test_it_builds_from_upstream
    pin_at = ->(url) do
      document = YAML.safe_load_file(Dependencies::PATH)
      document["archives"]["mimalloc"].each { |archive| archive["url"] = url if archive["file"] == File.basename(an_archive) }
      version = document["archives"]["mimalloc"].find { |archive| archive["file"] == File.basename(an_archive) }["version"]
      document["private_allocator"]["mimalloc"] = [version]
      File.write(File.join(gem_without_archives, "dependencies.yml"), YAML.dump(document))
    end
    ArchiveServer.open("/tag" => [302, "/archive"], "/archive" => [200, File.binread(an_archive)]) do |server|
      pin_at.call(server.url("/tag"))
      stdout, stderr, success = extconf
      assert success, stderr
      assert_match(/mimalloc \S+ from upstream: .*as pinned/, stdout)
      assert_equal %w[/tag /archive], server.asked
    end
    assert_equal [File.basename(an_archive)], Dir.children(File.join(gem_without_archives, "archives"))
  end

  def test_it_builds_with_a_private_jemalloc
    private_heap = PrivateHeapBuild.all.find { |one| one.pin.name == "jemalloc" }
    skip private_heap.missing if private_heap.missing
    library = private_heap.allocator.library # the slow part: kept between runs, and found by extconf.rb where it builds
    FileUtils.mkdir_p(File.join(@folder, "build", "private_heap"))
    FileUtils.cp_r(File.dirname(library), File.join(@folder, "build", "private_heap"))

    stdout, stderr, success = extconf("--with-private-allocator=jemalloc", "--with-archives=#{archives_here}")
    assert success, stderr
    assert_match(/private allocator: jemalloc, as you asked/, stdout)
    assert_match(/jemalloc 5\.3\.0 was compiled before/, stdout)
    extension = make
    assert_equal ["Init_allocstats"], `nm -D --defined-only #{extension}`.lines.map { |line| line.split.last }
    refute_match(/STATIC_TLS/, `readelf --dynamic --wide #{extension}`)
    FileUtils.cp(extension, File.join(gem_without_archives, "lib", "allocstats"))
    output, status = Open3.capture2e(environment.merge("MALLOC_CONF" => "abort_conf:true,nonsense:1"), RbConfig.ruby, "-I#{gem_without_archives}/lib", "-rallocstats",
      "-e", "AllocStats.sample; heap = AllocStats.private_heap; print heap.allocator, heap.version, heap.held.fetch(:samples).positive?")
    assert_equal ["jemalloc5.3.0true", true], [output, status.success?]
  end

  # Ruby 4.0's warn under -Wextra.
  def test_rubys_headers_are_the_systems
    _, stderr, success = extconf("--with-private-allocator=libc")
    assert success, stderr
    flags = File.read(File.join(@folder, "build", "Makefile"))[/^INCFLAGS = (.*)/, 1]
    refute_match(/-I\$\((arch_)?hdrdir\)/, flags)
    assert_match(/-isystem \$\(arch_hdrdir\).* -isystem \$\(hdrdir\)( |\z)/, flags)
    assert make
  end

  def test_the_extension_compiles_without_a_warning
    compilers = %w[gcc clang].select { |compiler| system("which", compiler, out: File::NULL) }
    skip "neither gcc nor clang is on this machine" if compilers.empty?

    compilers.each do |compiler|
      FileUtils.rm_rf(File.join(@folder, "build"))
      _, stderr, success = extconf("--with-archives=#{archives_here}", "--enable-werror", env: {"CC" => compiler})
      assert success, stderr
      assert make, compiler
    end
  end

  private

  # The path of the extension.
  def make
    output, status = Open3.capture2e("make", "-j2", chdir: File.join(@folder, "build"))
    assert status.success?, output
    File.join(@folder, "build", "allocstats.so")
  end

  # Makes the folder's contents the one archive of mimalloc that the copied gem pins.
  def pack_as_private_allocator(folder)
    packed = "#{folder}.tar.gz"
    assert system("tar", "-czf", packed, "-C", @folder, File.basename(folder))
    archive = {"version" => "1.0", "file" => File.basename(packed), "url" => "http://name.invalid/",
               "sha256" => Digest::SHA256.file(packed).hexdigest, "checked" => "made here"}
    document = {"private_allocator" => {"mimalloc" => ["1.0"]}, "archives" => {"mimalloc" => [archive]}}
    File.write(File.join(gem_without_archives, "dependencies.yml"), YAML.dump(document))
  end
end
