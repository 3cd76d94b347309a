# frozen_string_literal: true

require_relative "allocators"
require_relative "ruby_tree"
require_relative "test_log"

# The Ruby tests on Rubies other than the machine's, each in a tree of its own, side by side:
#
#   RubyMatrix.new(folder: "tmp/rubies", logs: "tmp/tests").run    # => true where none failed
#
# A tree that cannot be had here, and what there was no time for, are told and fail nothing.
class RubyMatrix
  # A Ruby of Debian, and where its tree comes from. 4.0 is in none of Debian's suites.
  RUBIES = {
    "3.3" => %w[trixie],
    "3.4" => %w[sid experimental]
  }.freeze

  # All of them as Ruby comes; what stands on Ruby's own threads and code once more for each way in which those can differ.
  ROUNDS = %w[test test:yjit test:mn_threads].freeze

  ROOT = File.expand_path("../..", __dir__)

  # folder:: where the trees are kept
  # logs::   where what came of each is written, for TestLog.closing
  # until::  the second since 1970 at which all of it ends, nil for never
  # trees::  what makes and enters one
  def initialize(rubies = RUBIES.keys, folder:, logs:, until: nil, trees: RubyTree, out: $stdout)
    @trees = rubies.map { |ruby| trees.new(ruby: ruby, suites: RUBIES.fetch(ruby), folder: folder, until: binding.local_variable_get(:until)) }
    @logs = logs
    @out = out
  end

  def run
    @trees.map { |tree| Thread.new { attempt(tree) } }.map(&:value).all?
  end

  private

  def attempt(tree)
    File.delete(tree.log) if File.exist?(tree.log)
    prepare(tree)
    FileUtils.rm_rf(folder(tree))
    passed = ROUNDS.map { |round| test(tree, round) }.all?
    tell(tree, passed)
  rescue RubyTree::Unavailable => error
    log(tree).absent!("#{tree.name} was not run: #{error.message}")
    say(log(tree).absence)
    true
  end

  def prepare(tree)
    say("#{tree.name}: making a Debian with it") unless tree.made?
    tree.make unless tree.made?
    tree.lay(ROOT)
    say("#{tree.name}: installing what the tests need")
    tree.demand_inside("script/test", "setup")
  end

  def test(tree, round)
    return say("#{tree.name}: #{round} was not run: #{TestLog::NOT_RUN}") || true if tree.over?

    say("#{tree.name}: #{round}")
    written = "tmp/tests/#{tree.name}/#{round}.log"
    ended = tree.enter("script/test", round, env: {"TESTS_LOG" => written, "TESTS_LIMIT" => "60m"})
    keep(tree, File.join(tree.checkout, written))
    ended || tree.over?
  end

  def keep(tree, written)
    FileUtils.mkdir_p(folder(tree))
    FileUtils.cp(written, folder(tree)) if File.exist?(written)
  end

  def tell(tree, passed)
    log(tree).ended! if tree.over?
    say("#{tree.name}, of which all is in #{tree.log}:", *log(tree).remarks.map { |line| "  #{line}" })
    say("#{tree.name}: script/test failed") unless passed
    passed && log(tree).failures.empty?
  end

  def folder(tree) = File.join(@logs, tree.name)

  def log(tree) = TestLog.new(tree.name, folder: folder(tree))

  def say(*lines) = @out.puts(*lines)
end
