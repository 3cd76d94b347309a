# frozen_string_literal: true

require "test_helper"
require "open3"
require "stringio"
require "support/ruby_matrix"
require "tmpdir"

# What a run of the tests came to, told of one that ended by itself and of one that did not.
class TestLogTest < Minitest::Test
  def with_log(lines, name: "test.log")
    Dir.mktmpdir do |folder|
      File.write("#{folder}/#{name}", lines.map { |fields| "#{fields.join("\t")}\n" }.join)
      yield TestLog.new("ruby9.9", folder: folder), folder
    end
  end

  def test_a_closing_line_is_the_plain_one_by_the_rubys_name
    with_log([["passed", 0.1, "A#a"], ["passed", 0.1, "A#b"], ["skipped", 0, "A#c", "no browser"], ["failed", 1, "A#d"]]) do |log|
      assert_equal "ruby9.9: 2 passed, 1 failed, 1 skipped", log.closing
      assert_equal ["failed: A#d (test)", "skipped 1: no browser"], log.remarks
    end
  end

  def test_rounds_add_up
    with_log([["passed", 0.1, "A#a"]]) do |log, folder|
      File.write("#{folder}/test:yjit.log", "passed\t0.1\tA#a\nfailed\t0.1\tA#b\n")
      assert_equal "ruby9.9: 2 passed, 1 failed", log.closing
      assert_equal ["failed: A#b (test:yjit)"], log.remarks
    end
  end

  def test_a_test_that_never_ended_has_failed
    with_log([["begun", 0, "A#a"], ["passed", 0.1, "A#a"], ["begun", 0, "A#crash"]]) do |log|
      assert_equal "ruby9.9: 1 passed, 1 failed", log.closing
    end
  end

  def test_what_the_time_did_not_suffice_for_is_named_and_fails_nothing
    with_log([["begun", 0, "A#a"], ["passed", 0.1, "A#a"], ["not_run", 0, "B#a", "x"], ["not_run", 0, "B#b", "x"], ["begun", 0, "C#long"]]) do |log|
      log.ended!
      assert_equal "ruby9.9: 1 passed, 0 failed, 2 skipped", log.closing
      assert_equal ["not run for lack of time (test): B 2, C 1"], log.remarks
    end
  end

  def test_lines_that_were_cut_are_left_out
    with_log([["passed", 0.1, "A#a"], ["pass"]]) { |log| assert_equal "ruby9.9: 1 passed, 0 failed", log.closing }
  end

  def test_what_is_not_there_closes_with_a_sentence_before_the_counts
    Dir.mktmpdir do |folder|
      TestLog.new("ruby3.4", folder: "#{folder}/ruby3.4").absent!("ruby3.4 was not run: no network")
      Dir.mkdir("#{folder}/ruby3.5")
      File.write("#{folder}/ruby3.5/test.log", "passed\t0\tA#a\n")
      assert_equal ["ruby3.4 was not run: no network", "ruby3.5: 1 passed, 0 failed"], TestLog.closing(folder)
    end
  end

  # Of real tests: one that passes, is skipped, fails, breaks off; and none of them after the time.
  TESTS = <<~RUBY
    require "test_helper"
    class SomeTest < Minitest::Test
      i_suck_and_my_tests_are_order_dependent!
      def test_a = pass
      def test_b = skip("for a\\nreason")
      def test_c = flunk
      def test_d = raise("broken")
      def test_e = assert_empty(ENV.keys.grep(/\ATESTS_/))
    end
  RUBY

  def outcomes(env = {})
    Dir.mktmpdir do |folder|
      File.write("#{folder}/some_test.rb", TESTS)
      env = ChildProcess.environment({"TESTS_LOG" => "#{folder}/logs/test.log", "TESTS_UNTIL" => nil, **env}, bundler: true)
      Open3.capture2e(env, RbConfig.ruby, "-Ilib", "-Itest", "#{folder}/some_test.rb")
      yield TestLog.new("ruby", folder: "#{folder}/logs")
    end
  end

  def test_real_tests_write_it
    outcomes do |log|
      assert_equal "ruby: 2 passed, 2 failed, 1 skipped", log.closing
      assert_equal ["failed: SomeTest#test_c (test)", "failed: SomeTest#test_d (test)", "skipped 1: for a reason"], log.remarks
    end
  end

  def test_after_its_time_no_test_begins
    outcomes("TESTS_UNTIL" => "1") { |log| assert_equal ["not run for lack of time (test): SomeTest 5"], log.remarks }
    outcomes("TESTS_UNTIL" => (Time.now.to_i + 1000).to_s) { |log| assert_equal "ruby: 2 passed, 2 failed, 1 skipped", log.closing }
  end
end

# A tree that cannot be had is a sentence, and fails nothing.
class RubyMatrixTest < Minitest::Test
  def setup
    skip "only root can make and enter a tree" unless Process.uid.zero?
    @folder = Dir.mktmpdir("allocstats-rubies")
    @path = ENV["PATH"]
  end

  def teardown
    ENV["PATH"] = @path if @path
    FileUtils.rm_rf(@folder) if @folder
  end

  # The programs as these scripts have them, before the machine's own.
  def programs(scripts)
    Dir.mkdir("#{@folder}/bin")
    scripts.each { |name, script| File.write("#{@folder}/bin/#{name}", "#!/bin/sh\n#{script}\n", perm: 0o755) }
    ENV["PATH"] = "#{@folder}/bin:#{@path}"
  end

  def outcome(**options)
    out = StringIO.new
    assert RubyMatrix.new(["3.3"], folder: "#{@folder}/trees", logs: "#{@folder}/logs", out: out, **options).run, out.string
    refute_path_exists "#{@folder}/trees/ruby3.3-trixie"
    assert_empty Dir.glob("#{@folder}/trees/*.unfinished")
    assert_equal out.string.lines(chomp: true).last(1), TestLog.closing("#{@folder}/logs")
    out.string.lines.last.delete_prefix("ruby3.3 was not run: ").chomp
  end

  def test_no_debootstrap
    programs({})
    ENV["PATH"] = "#{@folder}/bin"
    assert_equal "debootstrap is missing on this machine", outcome
  end

  def test_no_network
    programs("debootstrap" => 'echo "I: Retrieving InRelease"; echo "E: Failed getting release file"; echo; exit 1')
    assert_equal "debootstrap trixie said: E: Failed getting release file", outcome
  end

  def test_a_full_disk
    programs("debootstrap" => "exit 1", "df" => 'printf "Avail\n12\n"')
    assert_match(/\A\S+ has 12 MB left, and a tree takes 4000\z/, outcome)
  end

  def test_no_time
    programs("debootstrap" => "sleep 60")
    assert_equal "there was no time for it", outcome(until: Time.now.to_i + 1)
  end

  def test_a_debian_that_is_none_is_not_kept
    programs("debootstrap" => 'mkdir -p "$4/etc/apt"')
    assert_match(/No such file/, outcome)
  end

  # Debian's experimental has a Ruby until it has another.
  def test_a_suite_that_has_moved_on
    programs("unshare" => 'case "$*" in *install*) echo "E: Unable to locate package ruby3.3"; exit 100; esac', "debootstrap" => <<~SH)
      mkdir -p "$4/etc/apt/apt.conf.d" "$4/usr/local/bin" "$4/usr/local/share/ca-certificates"
      echo "deb http://mirror trixie main" >"$4/etc/apt/sources.list"
    SH
    assert_equal "apt-get install said: E: Unable to locate package ruby3.3", outcome
  end

  # One in which two tests end so in each round.
  class Tree < RubyTree
    OUTCOMES = "passed\t0\tA#a\nfailed\t0\tA#b\n"

    def made? = true

    def lay(_) = nil

    def demand_inside(*) = nil

    def enter(*, env:)
      FileUtils.mkdir_p(File.dirname(File.join(checkout, env["TESTS_LOG"])))
      File.write(File.join(checkout, env["TESTS_LOG"]), OUTCOMES)
      false
    end
  end

  def test_a_tree_that_fails_fails_the_run
    out = StringIO.new
    refute RubyMatrix.new(["3.3"], folder: "#{@folder}/trees", logs: "#{@folder}/logs", trees: Tree, out: out).run
    assert_equal ["ruby3.3: 3 passed, 3 failed"], TestLog.closing("#{@folder}/logs")
    assert_includes out.string, "failed: A#b (test:yjit)"
  end
end
