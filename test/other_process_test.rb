# frozen_string_literal: true

require "test_helper"
require "support/another_ruby"
require "support/compiled"
require "fileutils"
require "tmpdir"

class OtherProcessTest < Minitest::Test
  def test_the_kernels_figures_agree_with_what_the_process_says_of_itself
    AnotherRuby.run(afterwards: "$stdin.gets; require 'allocstats'; puts AllocStats.memory.rss; $stdout.flush; sleep") do |pid, io|
      process = AllocStats::OtherProcess.new(pid)
      io.puts
      own = Integer(io.gets)
      assert_in_delta own, process.refresh.rss, 4 << 20
      memory = process.memory
      assert_in_delta process.rss, memory.rss, 1 << 20
      assert_in_delta process.pss, memory.pss, 1 << 20
      assert_operator process.uss, :<=, process.rss
      assert_operator process.peak, :>=, process.refresh.rss - (1 << 20) # counted in batches
      assert_equal 0, process.swap
      assert_match(/no mapping of \/proc\/#{pid}\/smaps/, memory.reasons[:ruby_heap])
    end
  end

  def test_refresh_sees_what_has_changed
    AnotherRuby.run(afterwards: "$stdin.gets; $all = 'x' * 80_000_000; puts :done; $stdout.flush; sleep") do |pid, io|
      process = AllocStats::OtherProcess.new(pid)
      before = process.rss
      io.puts
      io.gets
      assert_operator process.refresh.rss - before, :>=, 70_000_000
    end
  end

  def test_what_it_calls_itself_and_its_threads
    AnotherRuby.run("Thread.new { Thread.current.name = 'sleeper'; sleep }; Thread.pass until Thread.list.size == 2; sleep 0.1") do |pid|
      process = AllocStats::OtherProcess.new(pid)
      assert_match(/ruby.* -e/, process.command)
      assert_equal 1, process.thread_names["sleeper"]
      assert_equal pid, process.to_h[:pid]
      assert_match(/\A#<AllocStats::OtherProcess #{pid} rss=\d+/, process.inspect)
    end
    AnotherRuby.run("$0 = 'a title'") { |pid| assert_equal "a title", AllocStats::OtherProcess.new(pid).command }
  end

  TestAllocators.each do |entry|
    define_method("test_#{entry.key}_is_most_likely") do
      skip entry.missing if entry.missing
      AnotherRuby.run(env: entry.env) do |pid|
        guess = AllocStats::OtherProcess.new(pid).allocator
        assert_equal entry.name, guess.name
        assert_equal((entry.name == :glibc) ? :libc : :preloaded, guess.linkage)
        assert_equal File.realpath(entry.path), File.realpath(guess.path) if entry.path
        assert_match(/most likely.*cannot be proven/, guess.sentence)
        assert_empty guess.others
      end
    end
  end

  # By what a file exports, not by what it is called.

  def test_an_allocator_of_another_name
    entry = TestAllocators["jemalloc-5.3.0"]
    skip entry.missing if entry.missing
    Dir.mktmpdir do |folder|
      FileUtils.cp(entry.path, "#{folder}/libje.so")
      AnotherRuby.run(env: {"LD_PRELOAD" => "#{folder}/libje.so"}) do |pid|
        guess = AllocStats::OtherProcess.new(pid).allocator
        assert_equal [:jemalloc, :preloaded, :symbols, "#{folder}/libje.so"], [guess.name, guess.linkage, guess.sureness, guess.path]
        assert_includes guess.evidence.join, "it is the first that exports malloc"
      end
    end
  end

  def test_a_library_that_is_only_called_so
    Dir.mktmpdir do |folder|
      FileUtils.cp(Compiled.library("no_allocator"), "#{folder}/libjemalloc.so.2")
      AnotherRuby.run(env: {"LD_PRELOAD" => "#{folder}/libjemalloc.so.2"}) do |pid|
        guess = AllocStats::OtherProcess.new(pid).allocator
        assert_equal [:glibc, :libc, :symbols, []], [guess.name, guess.linkage, guess.sureness, guess.others]
      end
    end
  end

  def test_an_allocator_that_nobody_knows
    AnotherRuby.run(env: {"LD_PRELOAD" => Compiled.library("whole_shim")}) do |pid|
      guess = AllocStats::OtherProcess.new(pid).allocator
      assert_equal [:unknown, :preloaded, Compiled.library("whole_shim")], [guess.name, guess.linkage, guess.path]
      assert_match(/none that allocstats knows/, guess.sentence)
    end
  end

  def test_a_program_that_was_linked_with_a_library_of_another_name
    entry = TestAllocators["jemalloc-5.3.0"]
    skip entry.missing if entry.missing
    Dir.mktmpdir do |folder|
      FileUtils.cp(entry.path, "#{folder}/libje.so")
      program = Compiled.program("waits", "-Wl,--no-as-needed", "#{folder}/libje.so", "-Wl,-rpath,#{folder}", called: "waits-#{File.basename(folder)}")
      waiting(program) do |process|
        assert_equal [:jemalloc, :linked, :symbols], process.allocator.to_h.values_at(:name, :linkage, :sureness)
      end
    ensure
      FileUtils.rm_f(program.to_s)
    end
  end

  # The names of a static program are in its own symbol table, unless that was taken out.
  {"glibc" => ["gcc", :glibc], "musl" => ["musl-gcc", :musl]}.each do |libc, (compiler, name)|
    define_method("test_a_program_linked_statically_with_#{libc}") do
      program = compiled_or_skip("-static", compiler: compiler, called: "waits-static-#{libc}")
      waiting(program) { |process| assert_equal [name, :static, :symbols], process.allocator.to_h.values_at(:name, :linkage, :sureness) }
      stripped = compiled_or_skip("-static", "-s", compiler: compiler, called: "waits-stripped-#{libc}")
      waiting(stripped) { |process| assert_equal [:unknown, nil], process.allocator.to_h.values_at(:name, :path) }
    end
  end

  # As upstream and Debian lay it: libc.so, to which ld-musl-x86_64.so.1 is a link.
  def test_musl
    waiting(compiled_or_skip(compiler: "musl-gcc", called: "waits-musl")) do |process|
      assert_equal [:musl, :libc, :symbols], process.allocator.to_h.values_at(:name, :linkage, :sureness)
    end
    assert_equal :musl, AllocStats::OtherProcess::MappedObject.named("/usr/lib/x86_64-linux-musl/libc.so")
  end

  def compiled_or_skip(*arguments, **options)
    Compiled.program("waits", *arguments, **options)
  rescue RuntimeError, Errno::ENOENT => error
    skip error.message[/.*/]
  end

  def waiting(program)
    IO.popen(program) do |io|
      io.gets
      yield AllocStats::OtherProcess.new(io.pid)
    ensure
      Process.kill(:KILL, io.pid)
    end
  end

  # What the process has mapped is a stranger's: a file that was put in its place is not read.
  def test_a_file_that_is_not_the_one_that_is_mapped
    Dir.mktmpdir do |folder|
      library = "#{folder}/libmimalloc.so.2"
      FileUtils.cp(Compiled.library("no_allocator"), library)
      mapping = AllocStats::OtherProcess::Maps.new("7f0000000000-7f0000001000 r-xp 00000000 00:01 12345 #{library}\n").executed.first
      object = AllocStats::OtherProcess::MappedObject.new(mapping, "/proc/self")
      refute_predicate object, :readable?
      assert_equal :mimalloc, object.allocator
      stat = File.stat(library)
      line = format("7f0000000000-7f0000001000 r-xp 00000000 %02x:%02x %d %s\n", stat.dev_major, stat.dev_minor, stat.ino, library)
      ["", "\x7FELF", File.binread(library)[0, 200], File.binread(library).b.tap { |bytes| bytes[32, 8] = "\xFF".b * 8 }, "\0" * 5_000].each do |content|
        File.binwrite(library, content)
        object = AllocStats::OtherProcess::MappedObject.new(AllocStats::OtherProcess::Maps.new(line).executed.first, "/proc/self")
        refute_predicate object, :readable?
        assert_equal :mimalloc, object.allocator
      end
    end
  end

  # A title, or what came before it, that left nothing but its padding.
  def test_an_environment_of_nuls_was_written_over
    Dir.mktmpdir do |root|
      {"" => [true, {}], "\0" * 500 => [false, {}], "\0" => [false, {}], "A=1\0\0\0" => [true, {"A" => "1"}]}.each do |text, expected|
        FileUtils.mkdir_p("#{root}/77")
        File.binwrite("#{root}/77/environ", text)
        environment = AllocStats::Procfs::StartEnvironment.new(77, root: root)
        assert_equal expected, [environment.readable?, environment.to_h], text.inspect
      end
    end
  end

  # As Puma does.
  def test_a_title_over_the_environment
    entry = TestAllocators["jemalloc-5.3.0"]
    skip entry.missing if entry.missing
    AnotherRuby.run("$0 = 'title' * 1000", env: entry.env) do |pid|
      process = AllocStats::OtherProcess.new(pid)
      assert_equal :jemalloc, process.allocator.name
      assert_includes [nil, :preloaded], process.allocator.linkage
      assert_equal process.environment.readable?, process.allocator.linkage == :preloaded
    end
  end

  # The linker finds a name in its folders, and maps has the file that it is a link to.
  def test_a_preload_by_name
    name = %w[libmimalloc.so.2 libtcmalloc_minimal.so.4].find { |each| Dir.glob("/usr/lib/*/#{each}").any? }
    skip "none of Debian's allocators is installed" unless name
    AnotherRuby.run(env: {"LD_PRELOAD" => name}) do |pid|
      process = AllocStats::OtherProcess.new(pid)
      assert_equal :preloaded, process.allocator.linkage
      assert_includes process.loaded_names.map { |path| File.basename(path) }, name
    end
  end

  def test_one_that_was_opened_later_is_not_taken_for_the_one_that_runs
    entry = TestAllocators["mimalloc-3.6.0"]
    skip entry.missing if entry.missing
    AnotherRuby.run("require 'fiddle'; Fiddle.dlopen(#{entry.path.dump})") do |pid|
      guess = AllocStats::OtherProcess.new(pid).allocator
      assert_equal :glibc, guess.name
      assert_equal [File.realpath(entry.path)], guess.others.map { |path| File.realpath(path) }
    end
  end

  def test_heaps_of_glibcs_arenas
    AnotherRuby.run("12.times { Thread.new { Array.new(500) { 'x' * 900 }; sleep } }; sleep 0.05 until Thread.list.all? { |thread| thread == Thread.current || thread.status == 'sleep' }", env: {"MALLOC_ARENA_MAX" => nil}) do |pid|
      assert_operator AllocStats::OtherProcess.new(pid).maps.arena_heaps, :>=, 4
    end
    AnotherRuby.run { |pid| assert_operator AllocStats::OtherProcess.new(pid).maps.arena_heaps, :<=, 1 }
  end

  def test_a_process_that_ended
    process = nil
    AnotherRuby.run { |pid| process = AllocStats::OtherProcess.new(pid) }
    refute_predicate process, :alive?
    [:refresh, :memory, :command, :maps, :peak].each do |name|
      error = assert_raises(AllocStats::OtherProcess::Gone, name) { process.public_send(name) }
      assert_equal "there is no process #{process.pid}", error.message
    end
    assert_empty process.thread_names
  end

  def test_a_process_that_nobody_has_waited_for
    pid = spawn("true")
    sleep 0.01 until File.read("/proc/#{pid}/stat").include?(") Z ")
    error = assert_raises(AllocStats::OtherProcess::Gone) { AllocStats::OtherProcess.new(pid) }
    assert_match(/has ended/, error.message)
  ensure
    Process.wait(pid)
  end

  def test_no_process_at_all
    [0, -1, 1.5, "12", nil, :self].each { |odd| assert_raises(AllocStats::InvalidValue) { AllocStats::OtherProcess.new(odd) } }
    [2**22 + 1, 2**31 - 1, 2**70].each { |none| assert_raises(AllocStats::OtherProcess::Gone) { AllocStats::OtherProcess.new(none) } }
  end

  def test_a_thread_of_the_kernel
    kernel = Dir.children("/proc").grep(/\A\d+\z/).map(&:to_i).find { |pid| (File.read("/proc/#{pid}/stat")[/.*\) \S (\d+) /m, 1] == "2") rescue false } # standard:disable Style/RescueModifier
    skip "no thread of the kernel is in sight" unless kernel
    assert_raises(AllocStats::OtherProcess::Gone) { AllocStats::OtherProcess.new(kernel) }
  end

  def test_another_users_process
    skip "only root can become another user" unless Process.uid.zero?
    code = "Process::UID.change_privilege(65_534); begin; AllocStats::OtherProcess.new(#{Process.pid}); rescue AllocStats::Error => error; [error.class.name, error.message]; end"
    name, message = ChildProcess.ruby(code).value
    assert_equal "AllocStats::OtherProcess::NotPermitted", name
    assert_match(/\Aprocess #{Process.pid} may not be looked at by this user/, message)
  end
end
