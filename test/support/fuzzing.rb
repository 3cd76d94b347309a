# frozen_string_literal: true

require "support/allocators"
require "support/child_process"
require "tmpdir"

# Random calls of what a person can set, in a real process that may crash:
#
#   outcome = Fuzzing.run("mallctl", allocator: TestAllocators["jemalloc-5.3.0"], seed: 42, seconds: 5)
#   outcome.failure    # => nil, or what went wrong, with the call that did it
#   outcome.tries      # => 180413
#
# A target is a file test/fuzz/<name>_fuzz.rb with a class <Name>Fuzz < Fuzzing::Target. A call may answer or raise an
# AllocStats::Error. It fails when the process ends, when anything else is raised, and when a call that raised has left
# a setting changed. The same seed makes the same calls.
module Fuzzing
  FOLDER = File.expand_path("../fuzz", __dir__)
  MOST_BLOCKS = 2000 # that a target keeps between its calls

  class Target
    # Entries of TestAllocators, and environments, under which it is worth running.
    def self.allocators = TestAllocators.to_a
    def self.environments = [{}]

    # Of how many kinds at least the errors are that a short run meets.
    def self.errors = 2

    # One call, made up from `random`: any object whose inspect shows a person what was called.
    def attempt(random) = raise(NotImplementedError)

    # Makes it. Answers whether a setting may have been changed.
    def perform(attempt) = raise(NotImplementedError)

    # All that can be set, as it is now: a Hash.
    def settings = raise(NotImplementedError)

    private

    # What a target may do before a call: the process goes on allocating, with whatever was set.
    def allocate(call, most: 20_000)
      @blocks ||= []
      @blocks.clear if @blocks.size > MOST_BLOCKS
      @blocks << ("x" * (call.hash % most))
    end
  end

  # tries::    how many calls were made
  # answered:: how many of them did not raise
  # raised::   {error class => count}
  # failure::  nil, or a sentence
  Outcome = Struct.new(:tries, :answered, :raised, :failure, keyword_init: true)

  module_function

  # The names of all targets.
  def targets
    Dir.glob("*_fuzz.rb", base: FOLDER).map { |file| file.delete_suffix("_fuzz.rb") }.sort
  end

  def target(name, folder = FOLDER)
    require File.join(folder, "#{name}_fuzz")
    Object.const_get("#{name.split("_").map(&:capitalize).join}Fuzz")
  end

  # Every way in which a target is worth running: [[allocator, environment], ...]
  def ways(name)
    target(name).allocators.product(target(name).environments)
  end

  # The process works in an empty folder of its own, and notes each call in a file before it makes it.
  def run(name, allocator:, seed:, seconds:, tries: nil, env: {}, targets: FOLDER)
    Dir.mktmpdir("allocstats-fuzz-") do |folder|
      notebook = File.join(folder, "last call")
      result = ChildProcess.ruby("Fuzzing::Session.new(*ARGV).run", allocator: allocator, env: env, check: false,
        require: ["allocstats", __FILE__], options: ["-I#{File.dirname(__dir__)}", "-W0"], timeout: seconds * 3 + 60, chdir: folder,
        arguments: [name, targets, seed, seconds, tries.to_i, notebook].map(&:to_s))
      outcome(result, notebook)
    rescue ChildProcess::TimedOut
      Outcome.new(tries: 0, failure: "hung; the last call was #{last_call(notebook)}")
    end
  end

  def outcome(result, notebook)
    return Outcome.new(**result.value) if result.success? && result.value

    Outcome.new(tries: 0, failure: "ended with #{result.status.inspect}; the last call was #{last_call(notebook)}\n#{result.stderr[0, 2000]}")
  end

  def last_call(notebook) = File.exist?(notebook) ? File.read(notebook)[/.*/] : "none"

  private_class_method :outcome, :last_call

  # What runs in the child process.
  class Session
    def initialize(name, targets, seed, seconds, tries, notebook)
      @target = Fuzzing.target(name, targets).new
      @random = Random.new(Integer(seed))
      @seconds = Float(seconds)
      @most = tries.to_i.zero? ? Float::INFINITY : tries.to_i
      @notebook = File.open(notebook, "w")
      @raised = Hash.new(0)
      @tries = @answered = 0
    end

    def run
      @settings = @target.settings
      deadline = now + @seconds
      failure = nil
      failure = try until failure || @tries >= @most || now > deadline
      {tries: @tries, answered: @answered, raised: @raised, failure: failure}
    end

    private

    def try
      attempt = @target.attempt(@random)
      @notebook.pwrite("#{attempt.inspect[0, 500]}\n", 0)
      @tries += 1
      changes = @target.perform(attempt)
      @answered += 1
      @settings = @target.settings if changes
      nil
    rescue AllocStats::Error => error
      @raised[error.class.name] += 1
      changed = @target.settings
      "#{attempt.inspect[0, 500]} raised #{error.class} and changed #{difference(changed)}" if changed != @settings
    rescue Exception => error # rubocop:disable Lint/RescueException
      "#{attempt.inspect[0, 500]} raised #{error.class}: #{error.message[0, 200]} (#{error.backtrace&.first(3)&.join(", ")})"
    end

    def difference(changed)
      changed.reject { |name, value| @settings[name] == value }.map { |name, value| "#{name} from #{@settings[name].inspect} to #{value.inspect}" }.join(", ")
    end

    def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
  end

  # Values that a person might pass by mistake, and the edges of those that fit.
  module Values
    EDGES = [0, 1, 2, 3, 7, 8, 63, 64, 100, 1000, 4095, 4096, 4097, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 2**200].flat_map { |edge| [edge, -edge] }.freeze
    WORDS = ["", "x", "true", "0", "disabled", "primary", "64:8", "1-2:3|", "a\0b", "\xff\xfe", "é", "x" * 31, "x" * 32, "x" * 255, "x" * 5000].map(&:freeze).freeze
    ODD = [nil, Float::NAN, Float::INFINITY, 1.5, :x, [], {}, Object, 1r, 1i, (1..2), /x/].freeze

    module_function

    def any(random)
      case random.rand(8)
      when 0..2 then EDGES.sample(random: random)
      when 3 then [true, false].sample(random: random)
      when 4, 5 then WORDS.sample(random: random)
      when 6 then random.rand(-10_000..100_000)
      else ODD.sample(random: random)
      end
    end

    # The name with one or some of its bytes changed, or its parts moved.
    def mutated(name, random)
      bytes = name.dup
      case random.rand(6)
      when 0 then bytes.slice!(random.rand(bytes.size))
      when 1 then bytes.insert(random.rand(bytes.size + 1), random.rand(32..126).chr)
      when 2 then bytes[random.rand(bytes.size)] = random.rand(1..255).chr(Encoding::UTF_8)
      when 3 then bytes = bytes.split(/(?<=[._])/).shuffle(random: random).join
      when 4 then bytes *= random.rand(0..3)
      else bytes = bytes.byteslice(0, random.rand(bytes.bytesize + 1)).scrub
      end
      bytes
    end

    def junk(random) = random.bytes(random.rand(300))

    # One of a range of numbers, or from the ends of it.
    def near(range, random)
      [range.begin, range.end, range.begin - 1, range.end + 1, random.rand(range)].sample(random: random)
    end
  end
end
