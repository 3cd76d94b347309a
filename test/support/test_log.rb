# frozen_string_literal: true

require "fileutils"

# What a run of the tests came to, written down while it runs, so that it can be told of one that was ended too:
#
#   TESTS_LOG=tmp/tests/ruby3.3/test.log rake test
#   TESTS_UNTIL=1764030000 rake test          # a test that would begin after that second is not run
#
#   TestLog.new("ruby3.3", folder: "tmp/tests/ruby3.3").closing    # => "ruby3.3: 1401 passed, 0 failed, 83 skipped"
#
# A line is what came of a test, how long it took, the test, and why it was skipped.
class TestLog
  Entry = Struct.new(:outcome, :seconds, :test, :reason)

  NOT_RUN = "the time was over"

  # Writes the log; one of Minitest's reporters.
  class Writer
    def initialize(path)
      FileUtils.mkdir_p(File.dirname(path))
      @file = File.open(path, "w")
      @file.sync = true
      @pid = Process.pid
    end

    def prerecord(test_class, name) = write("begun", 0, "#{test_class}##{name}")

    def record(result)
      write(outcome(result), result.time, "#{result.klass}##{result.name}", (result.failure.message if result.skipped?))
    end

    def start = nil

    def report = nil

    def passed? = true

    private

    def outcome(result)
      return "passed" if result.passed?
      return "failed" unless result.skipped?
      (result.failure.message == NOT_RUN) ? "not_run" : "skipped"
    end

    def write(outcome, seconds, test, reason = nil)
      @file.puts([outcome, seconds.round(2), test, reason&.gsub(/\s+/, " ")].compact.join("\t")) if Process.pid == @pid
    end
  end

  # Called by the tests' own process, before Minitest runs. What the variables ask for is asked of it alone: some tests run
  # others in processes of their own.
  def self.install
    path, over = %w[TESTS_LOG TESTS_UNTIL].map { |name| ENV.delete(name) }
    stop_at(Integer(over)) if over
    write_to(path) if path
  end

  def self.stop_at(second)
    Minitest::Test.prepend(Module.new do
      define_method(:before_setup) do
        skip NOT_RUN if Time.now.to_i >= second
        super()
      end
    end)
  end

  def self.write_to(path)
    writer = Writer.new(path)
    Minitest.singleton_class.define_method(:plugin_test_log_init) { |_options| reporter << writer }
    Minitest.extensions << "test_log"
  end

  private_class_method :stop_at, :write_to

  # A line each for what has a folder of logs in this one: the last words of a run.
  def self.closing(folder)
    logs = Dir.children(folder).sort.map { |name| new(name, folder: File.join(folder, name)) }
    logs.filter_map(&:absence) + logs.reject(&:absence).map(&:closing)
  end

  attr_reader :name

  # name::   in the closing line
  # folder:: of the logs, one a round: test.log, test:yjit.log
  def initialize(name, folder:)
    @name = name
    @folder = folder
  end

  # "5 passed, 0 failed" by its own name; what was skipped only where something was.
  def closing
    skipped = count("skipped") + count("not_run")
    "#{name}: #{count("passed")} passed, #{failures.size} failed#{", #{skipped} skipped" if skipped > 0}"
  end

  # Why there is nothing to count, as a sentence; nil where there is.
  def absence = (File.read(absence_path).strip if File.exist?(absence_path))

  # Says that nothing of it was run, and why.
  def absent!(sentence)
    FileUtils.mkdir_p(@folder)
    File.write(absence_path, "#{sentence}\n")
  end

  # Says that the run was ended because its time was over: the test under way has not failed by that.
  def ended!
    logs.each { |path| File.write(path, "ended\t0\t-\n", mode: "a") }
  end

  # What failed, and what was begun and neither ended nor was ended from outside: a crash, or a test that hangs.
  def failures = rounds.flat_map { |round, entries| failed(entries).map { |test| "#{test} (#{round})" } }

  # What there is to tell beside the counts, as lines: each reason for a skip is told, and what the time did not suffice for.
  def remarks
    failures.map { |test| "failed: #{test}" } + skips + not_run
  end

  def count(outcome) = rounds.sum { |_, entries| entries.count { |entry| entry.outcome == outcome } }

  private

  def absence_path = File.join(@folder, "absent")

  def logs = Dir.glob("*.log", base: @folder).sort.map { |name| File.join(@folder, name) }

  def rounds
    logs.to_h { |path| [File.basename(path, ".log"), entries(path)] }
  end

  def entries(path)
    File.readlines(path, chomp: true, encoding: Encoding::UTF_8).map { |line| line.split("\t", 4) }
      .select { |fields| fields.size >= 3 }
      .map { |outcome, seconds, test, reason| Entry.new(outcome, seconds.to_f, test, reason) }
  end

  def failed(entries)
    entries.select { |entry| entry.outcome == "failed" }.map(&:test) + (unfinished(entries) unless ended?(entries)).to_a
  end

  def ended?(entries) = entries.any? { |entry| entry.outcome == "ended" }

  def unfinished(entries)
    begun, done = entries.partition { |entry| entry.outcome == "begun" }
    begun.map(&:test) - done.map(&:test)
  end

  def skips
    reasons = rounds.values.flatten(1).select { |entry| entry.outcome == "skipped" }.map(&:reason).tally
    reasons.sort_by { |reason, times| [-times, reason] }.map { |reason, times| "skipped #{times}: #{reason}" }
  end

  # Classes of tests run one after the other, so few are cut in two.
  def not_run
    rounds.filter_map do |round, entries|
      late = entries.select { |entry| entry.outcome == "not_run" }.map(&:test) + (ended?(entries) ? unfinished(entries) : [])
      classes = late.map { |test| test[/\A[^#]+/] }.tally
      "not run for lack of time (#{round}): #{classes.map { |name, tests| "#{name} #{tests}" }.join(", ")}" if late.any?
    end
  end
end
