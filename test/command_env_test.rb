# frozen_string_literal: true

require "test_helper"
require "json"
require "shellwords"
require "yaml"
require "support/command_line"

class CommandEnvTest < Minitest::Test
  Format = AllocStats::Command::Env::Format
  ODD = {"PLAIN" => "a:b,c=1", "SPACE" => "a b", "QUOTES" => %q(it's "so"), "SIGNS" => "$HOME \\ %n `id` $(id)", "EMPTY" => ""}.freeze
  LINES = ODD.merge("LINES" => "one\ntwo\t'").freeze

  def lines(format, variables, command = []) = Format.lines(format, variables, command)

  def test_a_shell_reads_what_was_meant
    script = [*lines("shell", LINES), *LINES.keys.map { |name| "printf '%s\\0' \"$#{name}\"" }].join("\n")
    assert_equal LINES.values, ChildProcess.command("sh", "-c", script).stdout.split("\0", -1)[0..-2]
    assert_equal ["unset GONE"], lines("shell", {"GONE" => nil})
  end

  def test_a_procfile_is_read_by_a_shell
    line = lines("procfile", ODD, [RbConfig.ruby, "-e", "print ODD = ENV.values_at(*ARGV).join(%q(|))", *ODD.keys]).first
    assert_equal ODD.values.join("|"), ChildProcess.command("sh", "-c", line.delete_prefix("web: ")).stdout
    assert_equal "web: env A=1 bundle exec puma -C config/puma.rb", lines("procfile", {"A" => "1"}).first
  end

  def test_yaml_has_the_same_values
    document = YAML.safe_load(lines("kubernetes", LINES).join("\n"))
    assert_equal LINES.map { |name, text| {"name" => name, "value" => text.gsub("$(", "$$(")} }, document["env"]
  end

  # By the rules of systemd.syntax(7): C's escapes between the quotes, and %% for a per cent sign.
  def test_systemd
    lines("systemd", LINES).zip(LINES.to_a).each do |line, (name, text)|
      quoted = line[/\AEnvironment="(.*)"\z/, 1] or flunk line
      read = quoted.gsub(/\\[nt"\\]|%%/) { |escape| {"\\n" => "\n", "\\t" => "\t", "%%" => "%"}.fetch(escape) { escape[1] } }
      assert_equal "#{name}=#{text}", read
    end
  end

  # Docker's ENV: a backslash before ", \ and $ within double quotes.
  def test_docker
    lines("docker", ODD).zip(ODD.to_a).each do |line, (name, text)|
      quoted = line[/\AENV #{name}="(.*)"\z/, 1] or flunk line
      assert_equal text, quoted.gsub(/\\(["\\$])/, "\\1")
      refute_match(/(?<!\\)(\\\\)*[$"]/, quoted)
    end
    assert_raises(AllocStats::Command::Failure) { lines("docker", LINES) }
    assert_raises(AllocStats::Command::Failure) { lines("procfile", LINES) }
  end

  def env(*arguments, **options) = CommandLine.run("env", *arguments, **options)

  TestAllocators.each do |entry|
    define_method("test_a_shell_that_evaluates_it_starts_#{entry.key.gsub(/\W/, "_")}") do
      skip entry.missing if entry.missing
      script = "eval \"$(#{CommandLine.words("env", "-a", CommandLine.allocator(entry), "-p", "balanced")})\"; #{Shellwords.join(CommandLine::SAYS_WHICH)}"
      assert_equal entry.key.tr("-", " "), ChildProcess.command("sh", "-c", script).stdout
    end
  end

  def test_a_shell_keeps_what_it_has_and_the_others_begin_empty
    entry = TestAllocators["jemalloc-5.3.0"]
    skip entry.missing if entry.missing
    ours = ["-a", entry.path, "-p", "low_memory"]
    had = {"MALLOC_CONF" => "narenas:9"}
    assert_match(/narenas:9$/, env(*ours, env: had).stdout)
    assert_match(/narenas:1,/, env(*ours, "-f", "docker", env: had).stdout)
    unset = env("-a", "glibc", env: entry.env)
    assert_equal "unset LD_PRELOAD\n", unset.stdout
  end

  def test_every_format_from_the_command_line
    beginnings = {"shell" => "export MALLOC_ARENA_MAX=2", "docker" => "ENV MALLOC_ARENA_MAX=\"2\"", "procfile" => "web: env MALLOC_ARENA_MAX=2 bundle",
                  "systemd" => "Environment=\"MALLOC_ARENA_MAX=2\"", "kubernetes" => "env:\n  - name: MALLOC_ARENA_MAX\n    value: \"2\"\n"}
    assert_equal Format::NAMES.sort, beginnings.keys.sort
    beginnings.each do |format, beginning|
      result = env("-a", "glibc", "-p", "balanced", "--format", format)
      assert_equal [beginning, 0], [result.stdout[0, beginning.length], result.status.exitstatus], result.stderr
    end
  end

  def test_bad_input
    {["-f", "toml"] => 64, ["-a", "jemaloc"] => 64, ["-p", "low"] => 64, ["-a", "/no/such.so"] => 125, ["-a", "glibc", "--", "true"] => 64}.each do |arguments, status|
      result = env(*arguments)
      assert_equal [status, "", 1], [result.status.exitstatus, result.stdout, result.stderr.lines.size], result.stderr
    end
  end
end
