# frozen_string_literal: true

require "test_helper"
require "support/command_line"
require "tmpdir"

# `allocstats exec --heap-profile FILE`: a file at the end of each Ruby.
class CommandExecHeapProfileTest < Minitest::Test
  MEGABYTE = 1 << 20
  KEEPS = "KEPT = Array.new(20) { 'x' * #{MEGABYTE} }"

  def exec(*arguments, **options) = CommandLine.run("exec", "-a", "glibc", *arguments, **options)

  def in_folder
    Dir.mktmpdir("allocstats exec") { |folder| yield folder }
  end

  def test_a_file_is_written_at_the_end
    in_folder do |folder|
      result = exec("--heap-profile", "#{folder}/heap.collapsed", "--", RbConfig.ruby, "-e", "#{KEEPS}; exit 3")
      assert_equal [3, ""], [result.status.exitstatus, result.stderr]
      bytes = File.read("#{folder}/heap.collapsed")[/\(-e:1\);Class#new;Array#initialize;.*String#\* (\d+)$/, 1] || flunk(File.read("#{folder}/heap.collapsed"))
      assert_in_delta 20 * MEGABYTE, bytes.to_i, 12 * MEGABYTE
    end
  end

  def test_a_relative_name_is_the_commands_where_it_was_started
    in_folder do |folder|
      exec("--heap-profile", "heap.txt", "--", RbConfig.ruby, "-e", "Dir.chdir('/'); #{KEEPS}", chdir: folder)
      assert_match(/-e:1 /, File.read("#{folder}/heap.txt"))
    end
  end

  def test_what_is_forked_and_started_has_files_of_its_own
    in_folder do |folder|
      code = "#{KEEPS}; pid = fork {}; Process.wait(pid); other = spawn(#{RbConfig.ruby.dump}, '-e', '1'); Process.wait(other); print pid, ' ', other"
      result = exec("--heap-profile", "#{folder}/heap.pb.gz", "--", RbConfig.ruby, "-e", code)
      names = ["heap.pb.gz", *result.stdout.split.map { |pid| "heap.#{pid}.pb.gz" }]
      assert_equal names.sort, Dir.children(folder).sort, result.stderr
    end
  end

  def test_another_ruby_option_and_library_path_stay
    in_folder do |folder|
      File.write("#{folder}/mine.rb", "MINE = 1")
      code = "print MINE, $VERBOSE.inspect"
      result = exec("--heap-profile", "#{folder}/heap.txt", "--", RbConfig.ruby, "-e", code, env: {"RUBYOPT" => "-W0 -rmine", "RUBYLIB" => folder})
      assert_equal "1nil", result.stdout, result.stderr
    end
  end

  def test_what_cannot_be_written_is_said_before_anything_is_started
    {"heap.pdf" => /form of a heap profile's file/, "/nowhere/heap.html" => /no folder/}.each do |file, message|
      result = exec("--heap-profile", file, "--", "echo", "started")
      assert_equal ["", 64], [result.stdout, result.status.exitstatus]
      assert_match message, result.stderr
    end
  end

  def test_a_file_that_cannot_be_written_at_the_end_is_told
    in_folder do |folder|
      Dir.mkdir("#{folder}/heap.html")
      result = exec("--heap-profile", "#{folder}/heap.html", "--", RbConfig.ruby, "-e", "print 1")
      assert_equal ["1", 0], [result.stdout, result.status.exitstatus]
      assert_match(/no heap profile: .*directory/i, result.stderr)
    end
  end
end
