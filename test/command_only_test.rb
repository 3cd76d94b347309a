# frozen_string_literal: true

require "test_helper"
require "shellwords"
require "support/command_line"
require "support/compiled"

# `allocstats exec --only`: the named programs run under the allocator, and their children of other names do not.
class CommandOnlyTest < Minitest::Test
  LD = "tr '\\0' '\\n' < /proc/self/environ | grep -a ^LD_PRELOAD | grep -c jemalloc"
  MAPPED = "grep -c -m1 jemalloc /proc/self/maps"

  def setup
    @entry = TestAllocators["jemalloc-5.3.0"]
    skip @entry.missing if @entry.missing
  end

  def only(names, *command, **options)
    CommandLine.run("exec", "--only", names, "-a", @entry.path, "-p", "low_memory", "--", *command, **options)
  end

  # A program that is meant to have the allocator, and whose children are not.
  def on_small_stack(place, way, variables: 0, words: 0, through: [])
    only("small_stacks", *through, Compiled.program("small_stacks"), place, way, variables.to_s, words.to_s)
  end

  def said(result) = [result.stdout, result.signal || result.stderr]

  def ruby(code) = [RbConfig.ruby, "-I#{ChildProcess::LIB}", "-rallocstats", "-e", code]

  NAME = File.basename(RbConfig.ruby)

  def test_the_named_program_runs_under_it
    result = only("ruby", *ruby("print AllocStats.allocator.title, ' ', AllocStats.allocator.verdict, ' ', ENV['MALLOC_CONF']"))
    assert_equal "jemalloc #{@entry.version} sole narenas:1,background_thread:true,dirty_decay_ms:500,muzzy_decay_ms:0", result.stdout, result.stderr
  end

  WAYS = {
    "backticks" => "print `%s`", "system" => "system(%s)", "spawn" => "Process.wait(spawn(%s))", "popen" => "print IO.popen(%s, &:read)",
    "exec after fork" => "Process.wait(fork { exec(%s) })", "exec" => "exec(%s)", "open3" => "require 'open3'; print Open3.capture2e(%s).first"
  }.freeze

  WAYS.each do |way, code|
    define_method("test_a_child_by_#{way.tr(" ", "_")}_is_spared") do
      command = (way == "backticks") ? MAPPED : MAPPED.inspect
      result = only("ruby", *ruby("$stdout.sync = true; #{code % command}"))
      assert_equal "0\n", result.stdout, result.stderr
    end
  end

  def test_a_child_has_a_clean_environment
    result = only("ruby", *ruby("system('printenv MALLOC_CONF; printenv LD_PRELOAD')"))
    assert_equal "#{AllocStats::Launch::ExecFilter::PATH}\n", result.stdout
    kept = only("ruby", *ruby("system('printenv MALLOC_CONF; printenv LD_PRELOAD')"), env: {"MALLOC_CONF" => "narenas:9", "LD_PRELOAD" => "libm.so.6"})
    assert_equal "narenas:9\n#{AllocStats::Launch::ExecFilter::PATH}:libm.so.6\n", kept.stdout
  end

  def test_a_named_grandchild_has_it_again
    inner = Shellwords.join(ruby("print AllocStats.allocator.name, ' ', ENV['MALLOC_CONF']"))
    result = only("ruby", "sh", "-c", "#{MAPPED}; env -- sh -c #{Shellwords.escape(inner)}", env: {"MALLOC_CONF" => "narenas:9"})
    assert_equal "0\njemalloc background_thread:true,dirty_decay_ms:500,muzzy_decay_ms:0,narenas:9", result.stdout, result.stderr
  end

  def test_a_script_counts_as_its_interpreter
    Dir.mktmpdir do |folder|
      {"direct" => "#!#{RbConfig.ruby}", "spaced" => "#! #{RbConfig.ruby} -W0", "by_env" => "#!/usr/bin/env #{NAME}", "shell" => "#!/bin/sh"}.each do |name, first|
        text = (name == "shell") ? MAPPED : "print File.read('/proc/self/maps').include?('jemalloc') ? 1 : 0, %(\\n)"
        File.write("#{folder}/#{name}", "#{first}\n#{text}\n")
        File.chmod(0o755, "#{folder}/#{name}")
        expected = (name == "shell") ? "0\n" : "1\n"
        assert_equal expected, only("ruby", "#{folder}/#{name}").stdout, name
        assert_equal expected, only("ruby", name, env: {"PATH" => "#{folder}:#{ENV["PATH"]}"}).stdout, name
      end
    end
  end

  def test_several_names_and_none
    assert_equal "1\n", only("nothing,grep", "sh", "-c", MAPPED).stdout
    assert_equal "0\n", only("nothing", "sh", "-c", MAPPED).stdout
    assert_equal "0\n", only("gre,egrep,rep", "sh", "-c", MAPPED).stdout
  end

  def test_statuses_arguments_and_signals_are_the_commands
    assert_equal 7, only("ruby", "sh", "-c", "exit 7").status.exitstatus
    assert_equal 127, only("ruby", "/no/such").status.exitstatus
    assert_equal 126, only("ruby", "/etc/passwd").status.exitstatus
    assert_equal "TERM", only("ruby", "sh", "-c", "kill -TERM $$").signal
    odd = ["a b", "c\nd", "", "\xFF".b]
    assert_equal odd.map { |word| "#{word}\0" }.join.b, only("ruby", "printf", "%s\\0", *odd).stdout.b
  end

  def test_other_languages_exec_in_other_ways
    perl = "print `#{MAPPED}`; system('#{MAPPED}'); exec('#{MAPPED}')"
    assert_equal "0\n0\n0\n", only("ruby", "perl", "-e", "$| = 1; #{perl}").stdout if system("which perl", out: File::NULL)
    python = "import os, subprocess; subprocess.run(['sh', '-c', '#{MAPPED}']); os.posix_spawn('/bin/sh', ['sh', '-c', '#{MAPPED}'], os.environ); os.wait()"
    assert_equal "0\n0\n", only("ruby,python", "python3", "-c", python).stdout if system("which python3", out: File::NULL)
  end

  # Threads that start children all at once, each by vfork.
  def test_many_at_once
    code = "print Array.new(8) { Thread.new { Array.new(10) { `#{MAPPED}`.to_i } } }.flat_map(&:value).sum"
    assert_equal "0", only("ruby", *ruby(code)).stdout
  end

  # What it makes of an environment lies on the stack of whoever calls exec, which may be small.
  WAYS_OF_C = %w[execve execvp vfork posix_spawn posix_spawnp].freeze

  %w[main thread signal].each do |place|
    WAYS_OF_C.each do |way|
      define_method("test_#{way}_where_the_stack_is_that_of_#{place}") do
        assert_equal ["0\n", ""], said(on_small_stack(place, way))
      end

      # There is no room for it: the child is not spared, and nothing else happens.
      define_method("test_#{way}_of_a_large_environment_where_the_stack_is_that_of_#{place}") do
        [2_000, 20_000].each do |variables|
          result = on_small_stack(place, way, variables: variables, words: 3_000)
          assert_equal [(place == "main") ? "0\n" : "1\n", ""], said(result), variables
        end
      end
    end
  end

  def test_a_main_thread_whose_stack_is_limited
    limited = ["sh", "-c", "ulimit -s 256; exec \"$@\"", "sh"]
    %w[execve vfork posix_spawn].each do |way|
      assert_equal "0\n", on_small_stack("main", way, through: limited).stdout, way
    end
  end

  def test_an_environment_of_thousands_of_variables
    many = "6000.times { |i| ENV['V' + i.to_s] = '1' }; $stdout.sync = true; system(#{MAPPED.inspect})"
    assert_equal "0\n", only("ruby", *ruby(many)).stdout
  end

  def test_a_huge_environment_is_no_obstacle
    many = '6000.times { |i| ENV["V" + i.to_s] = "1" }; print `echo ok`'
    long = 'ENV["ALLOCSTATS_ONLY_WITH"] = "x" * 100_000; ENV["LD_PRELOAD"] += ":" + "y" * 20_000; print `echo ok 2>&1`'
    [many, long].each { |code| assert_equal "ok\n", only("ruby", *ruby(code)).stdout.lines.last }
  end

  def test_the_next_exec_forgets_it
    again = CommandLine.words("exec", "-a", @entry.path, "--", "sh", "-c", "#{MAPPED}; printenv ALLOCSTATS_ONLY; printenv LD_PRELOAD")
    assert_equal "1\n#{@entry.path}\n", only("ruby", "sh", "-c", again).stdout
  end

  def test_names_that_are_none
    ["", ",", "a/b", "a:b", "a b"].each do |names|
      result = only(names, "true")
      assert_equal [64, 1], [result.status.exitstatus, result.stderr.lines.size], names
      assert_match(/--only takes names of programs/, result.stderr)
    end
  end
end
