# frozen_string_literal: true

require "test_helper"
require "open3"
require "shellwords"
require "support/command_line"
require "support/compiled"

class CommandExecTest < Minitest::Test
  RUBY = [RbConfig.ruby, "--disable=all"].freeze

  def exec(*arguments, **options) = CommandLine.run("exec", *arguments, **options)

  TestAllocators.each do |entry|
    key = entry.key.gsub(/\W/, "_")

    define_method("test_the_command_runs_under_#{key}") do
      skip entry.missing if entry.missing
      result = exec("--allocator", CommandLine.allocator(entry), "--", *CommandLine::SAYS_WHICH)
      assert_equal [entry.key.tr("-", " "), "", 0], [result.stdout, result.stderr, result.status.exitstatus]
    end

    define_method("test_each_profile_is_in_force_under_#{key}") do
      skip entry.missing if entry.missing
      AllocStats::Tuner::Profiles::NAMES.each do |profile|
        code = "require 'json'; tuning = AllocStats.tune(:#{profile}); puts JSON.generate([tuning.before, tuning.asked, AllocStats.settings.map(&:state).uniq, AllocStats.allocator.verdict])"
        result = exec("-a", CommandLine.allocator(entry), "-p", profile.name, *CommandLine::SAYS_WHICH[0..-2], code)
        before, asked, states, verdict = JSON.parse(result.stdout)
        assert_equal asked, before, result.stderr
        assert_equal [["in_force"], "sole"], [states, verdict]
      end
    end
  end

  def test_the_systems_allocators_are_found_by_name
    AllocStats::Launch::System.libraries.each do |library|
      result = exec("-a", library.name.name, *CommandLine::SAYS_WHICH)
      assert_match(/\A#{library.name} \d/, result.stdout, result.stderr)
    end
  end

  # In the process that the shell started, and nowhere else.
  def test_it_becomes_the_command
    result = ChildProcess.command("sh", "-c", "echo $$; exec #{CommandLine.words("exec", "-a", "glibc", "--", "sh", "-c", "echo $$")}")
    assert_equal 1, result.stdout.lines.uniq.size, result.stdout
  end

  def test_exit_statuses_are_the_commands
    [0, 1, 2, 64, 125, 126, 127, 255].each do |status|
      assert_equal status, exec("-a", "glibc", "--", "sh", "-c", "exit #{status}").status.exitstatus
    end
  end

  def test_signals_are_the_commands
    %w[TERM INT HUP USR1 USR2 PIPE CHLD].each do |signal|
      program = "trap(%q(#{signal})) { puts %q(#{signal}); exit!(3) }; $stdout.sync = true; puts :ready; sleep"
      IO.popen([*CommandLine::COMMAND, "exec", "-a", "glibc", "--", *RUBY, "-e", program]) do |child|
        assert_equal "ready\n", child.gets
        Process.kill(signal, child.pid)
        assert_equal "#{signal}\n", child.gets
      end
      assert_equal 3, $?.exitstatus
    end
  end

  def test_a_signal_that_kills_the_command_kills_it
    assert_equal "TERM", exec("-a", "glibc", "--", "sh", "-c", "kill -TERM $$").signal
    assert_equal "KILL", exec("-a", "glibc", "--", "sh", "-c", "kill -KILL $$").signal
  end

  # SigIgn of /proc/self/status: nohup(1) stands on it.
  def test_ignored_signals_stay_ignored
    grep = %w[grep SigIgn /proc/self/status]
    before, = Open3.capture2("sh", "-c", "trap '' HUP USR1; #{Shellwords.join(grep)}")
    after, = Open3.capture2("sh", "-c", "trap '' HUP USR1; exec #{CommandLine.words("exec", "-a", "glibc", "--", *grep)}")
    assert_equal before, after
  end

  def test_standard_input_is_the_commands
    text = Random.new(1).bytes(200_000)
    output, = Open3.capture2(*CommandLine::COMMAND, "exec", "-a", "glibc", "--", "cat", stdin_data: text, binmode: true)
    assert_equal text, output
  end

  def test_descriptors_are_passed_on
    reader, writer = IO.pipe
    pid = Process.spawn(*CommandLine::COMMAND, "exec", "-a", "glibc", "--", "sh", "-c", "echo here >&9", 9 => writer)
    writer.close
    Process.wait(pid)
    assert_equal "here\n", reader.read
  end

  def test_arguments_are_bytes
    odd = ["a b", "c\nd", "", "*", "$HOME", "'\"`", "--", "-a", "\xFF\xFE".b, "ü", "%s"]
    result = exec("-a", "glibc", "--", *RUBY, "-e", "print ARGV.map { |word| word.b.unpack1(%q(H*)) }.join(%q( ))", "--", *odd)
    assert_equal odd.map { |word| word.b.unpack1("H*") }.join(" "), result.stdout
  end

  def test_a_command_needs_no_dashes_before_it
    assert_equal "-a x\n", exec("-a", "glibc", "echo", "-a", "x").stdout
  end

  def test_the_environment_is_bytes_too
    value = "\xFF\xFE x\n".b
    result = exec("-a", "glibc", "--", *RUBY, "-e", "print ENV[%q(ODD)].b.unpack1(%q(H*))", env: {"ODD" => value})
    assert_equal value.unpack1("H*"), result.stdout
  end

  def test_what_was_preloaded_stays_and_an_allocator_gives_way
    entry = TestAllocators["jemalloc-5.3.0"]
    other = TestAllocators["mimalloc"]
    [entry, other].each { |each| skip each.missing if each.missing }
    shim = Compiled.library("no_allocator")
    code = "print ENV[%q(LD_PRELOAD)], %q( ), AllocStats.allocator.title, %q( ), AllocStats.allocator.verdict"
    result = exec("-a", entry.path, *CommandLine::SAYS_WHICH[0..-2], code, env: {"LD_PRELOAD" => "#{shim} #{other.path}:#{entry.path}"})
    assert_equal "#{entry.path}:#{shim} jemalloc #{entry.version} sole", result.stdout
  end

  def test_glibc_takes_an_allocator_away
    entry = TestAllocators["jemalloc-5.3.0"]
    skip entry.missing if entry.missing
    result = exec("-a", "glibc", *CommandLine::SAYS_WHICH[0..-2], "print AllocStats.allocator.name, ENV.key?(%q(LD_PRELOAD))", env: entry.env)
    assert_equal "glibcfalse", result.stdout
  end

  def test_the_users_settings_go_before_the_profile
    entry = TestAllocators["jemalloc-5.3.0"]
    skip entry.missing if entry.missing
    result = exec("-a", entry.path, "-p", "low_memory", "printenv", "MALLOC_CONF", env: {"MALLOC_CONF" => "narenas:7,tcache:false"})
    assert_equal "background_thread:true,dirty_decay_ms:500,muzzy_decay_ms:0,narenas:7,tcache:false\n", result.stdout
  end

  def test_the_environment_chooses
    entry = TestAllocators["mimalloc"]
    skip entry.missing if entry.missing
    which = CommandLine::SAYS_WHICH
    assert_match(/\Amimalloc/, exec(*which, env: {"ALLOCSTATS_ALLOCATOR" => entry.path}).stdout)
    assert_match(/\Aglibc/, exec(*which, env: {"ALLOCSTATS_ALLOCATOR" => "glibc", "JEMALLOC_ENABLED" => "true"}).stdout)
    assert_match(/\Aglibc/, exec("-a", "glibc", *which, env: {"ALLOCSTATS_ALLOCATOR" => entry.path}).stdout)
    assert_match(/\Aglibc/, exec(*which, env: {"JEMALLOC_ENABLED" => "false"}).stdout)
    profile = exec("-a", "glibc", "printenv", "MALLOC_ARENA_MAX", env: {"ALLOCSTATS_PROFILE" => "low_memory"})
    assert_equal "1\n", profile.stdout
  end

  {"JEMALLOC_ENABLED" => :jemalloc, "MIMALLOC_ENABLED" => :mimalloc}.each do |variable, name|
    define_method("test_the_buildpacks_#{variable}") do
      skip "this machine has no #{name}" unless AllocStats::Launch.libraries.any? { |library| library.name == name }
      assert_match(/\A#{name} /, exec(*CommandLine::SAYS_WHICH, env: {variable => "true"}).stdout)
    end
  end

  def test_a_home_and_a_disk_that_cannot_be_written
    result = exec("-a", "glibc", "echo", "ok", env: {"HOME" => "/proc/none", "TMPDIR" => "/proc/none"})
    assert_equal "ok\n", result.stdout
    read_only = ["unshare", "-m", "sh", "-c", "mount -o remount,bind,ro / 2>/dev/null || mount -o remount,ro / && ! touch /allocstats-was-here 2>/dev/null && exec \"$@\"", "sh"]
    result = ChildProcess.command(*read_only, *CommandLine::COMMAND, "exec", "-a", "glibc", "echo", "ok", check: false)
    skip "no way to make the disk read-only here" unless result.success?
    assert_equal "ok\n", result.stdout
  end

  # Bad input: one sentence, a status of its own, and nothing was started.

  def assert_refused(status, message, *arguments, **options)
    Dir.mktmpdir do |folder|
      result = exec(*arguments.map { |argument| (argument == :command) ? ["touch", "#{folder}/started"] : argument }.flatten, **options)
      assert_equal status, result.status.exitstatus, result.stderr
      assert_match message, result.stderr
      assert_equal [1, ""], [result.stderr.lines.size, result.stdout]
      assert_empty Dir.children(folder)
    end
  end

  def test_an_unknown_allocator_or_profile_is_a_matter_of_usage
    assert_refused 64, /no allocator is named "jemaloc"; did you mean jemalloc\?/, "-a", "jemaloc", "--", :command
    assert_refused 64, /no profile is named "low"/, "-a", "glibc", "-p", "low", "--", :command
    assert_refused 64, /no allocator is named ""/, "-a", "", "--", :command
    assert_refused 64, /invalid option: --fast/, "--fast", "--", :command
    assert_refused 64, /JEMALLOC_ENABLED is true or false, not "perhaps"/, "--", :command, env: {"JEMALLOC_ENABLED" => "perhaps"}
    assert_refused 64, /are both true/, "--", :command, env: {"JEMALLOC_ENABLED" => "true", "MIMALLOC_ENABLED" => "1"}
  end

  def test_an_empty_command
    assert_refused 64, /exec needs a command/
    assert_refused 64, /exec needs a command/, "-a", "glibc", "--"
    assert_refused 127, /there is no command ""/, "--allocator", "glibc", ""
  end

  def test_a_command_that_is_not_there_or_cannot_be_run
    assert_refused 127, %r{there is no command "/no/such"}, "-a", "glibc", "/no/such"
    assert_refused 126, %r{"/etc/passwd" cannot be run: Permission denied}, "-a", "glibc", "/etc/passwd"
    assert_refused 126, %r{"/tmp" cannot be run}, "-a", "glibc", "/tmp"
  end

  def test_a_library_that_is_none
    assert_refused 125, /no-such.so cannot be preloaded: there is no such file/, "-a", "./no-such.so", "--", :command
    assert_refused 125, /cannot be preloaded: it is no shared library/, "-a", __FILE__, "--", :command
    assert_refused 125, /jemalloc 99 is not on this machine|there is no jemalloc/, "-a", "jemalloc-99", "--", :command
  end

  def test_a_library_that_is_no_allocator
    assert_refused 125, /no_allocator.so cannot be preloaded: .*libc.* owned malloc instead/, "-a", Compiled.library("no_allocator"), "--", :command
    assert_refused 125, /cannot be preloaded: the functions of malloc belonged to more than one library/, "-a", Compiled.library("half_shim"), "--", :command
    assert_refused 125, /allocstats does not know that/, "-a", Compiled.library("whole_shim"), "--", :command
  end

  def test_a_library_of_another_architecture
    library = foreign_library("aarch64-linux-gnu-gcc") || foreign_library("gcc", "-m32") or skip "no compiler for another architecture"
    assert_refused 125, /cannot be preloaded: it was built for another architecture/, "-a", library, "--", :command
  end

  def test_a_library_of_another_libc
    library = foreign_library("musl-gcc") or skip "musl-gcc is not here"
    assert_refused 125, /cannot be preloaded: it was built for musl, and this process runs on glibc/, "-a", library, "--", :command
  end

  # ld.so ends a process that is preloaded with what needs a newer C library.
  def test_a_library_that_needs_what_is_not_here
    library = Compiled.library("needs_the_future")
    assert_refused 125, /cannot be preloaded: a process that was started with it ended with status \d+: .*from_the_future/, "-a", library, "--", :command
  end

  def test_help_says_the_statuses
    result = exec("--help")
    assert_equal 0, result.status.exitstatus
    assert_match(/64 .*\n?.*125.*\n?.*126.*\n?.*127/, result.stdout)
  end

  private

  def foreign_library(*compiler)
    folder = Dir.mktmpdir
    Minitest.after_run { FileUtils.rm_rf(folder) }
    File.write("#{folder}/a.c", "void *malloc(unsigned long size) { (void)size; return 0; }\n")
    _, status = Open3.capture2e(*compiler, "-shared", "-fPIC", "#{folder}/a.c", "-o", "#{folder}/libjemalloc.so.2")
    "#{folder}/libjemalloc.so.2" if status.success?
  rescue Errno::ENOENT
    nil
  end
end
