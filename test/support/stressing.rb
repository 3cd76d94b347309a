# frozen_string_literal: true

require "json"
require "support/allocators"
require "support/child_process"

# What hunts for a crash or a hang that has no one cause: a file of test/stress runs in a process of its own under an
# allocator, for some seconds, and says how often it has done what.
#
#   outcome = Stressing.run("foreign_waits", allocator: TestAllocators["jemalloc-5.3.0"], seconds: 3)
#   outcome.failure    # => nil, or what went wrong
#   outcome.done       # => {purges: 4366, rounds: 610754}
#
# A file of test/stress begins with what it is about; `# under: jemalloc-5.3.0 glibc` names allocators where not all are
# meant, `# ruby: 3.3` the oldest Ruby, `# with: NAME=VALUE` an environment, `# gems` that it needs the bundle's.
module Stressing
  FOLDER = File.expand_path("../stress", __dir__)

  Outcome = Struct.new(:done, :failure, keyword_init: true)

  module_function

  def names = Dir.glob("*.rb", base: FOLDER).map { |file| file.delete_suffix(".rb") }.sort

  # Why it cannot run on this Ruby; nil where it can.
  def unfit(name)
    oldest = header(name, "ruby")&.first
    "#{name} needs Ruby #{oldest}, and this is #{RUBY_VERSION}" if oldest && Gem::Version.new(RUBY_VERSION) < Gem::Version.new(oldest)
  end

  def allocators(name)
    wanted = header(name, "under")
    TestAllocators.select { |entry| wanted.nil? || wanted.any? { |prefix| entry.key.start_with?(prefix) } }
  end

  # A Ruby that is sent exceptions all the time ends by itself in the end, once in a hundred thousand or so, also one that
  # has never heard of allocstats: then the run is made again, with other random numbers.
  RUBYS_OWN = /exception reentered \(fatal\)/
  TRIES = 3

  # What hangs is killed after three times its time and a minute, and has failed.
  def run(name, allocator:, seconds:, seed: Random.new_seed % 2**32)
    TRIES.times do |i|
      outcome = run_once(name, allocator: allocator, seconds: seconds, seed: seed + i)
      return outcome unless outcome.failure && RUBYS_OWN.match?(outcome.failure) && i + 1 < TRIES
    end
  end

  def run_once(name, allocator:, seconds:, seed:)
    env = header(name, "with").to_a.to_h { |pair| pair.split("=", 2) }.merge("SECONDS" => seconds.to_s, "SEED" => seed.to_s)
    result = ChildProcess.ruby(File.read(path(name)), allocator: allocator, env: env, check: false, timeout: seconds * 3 + 60,
      require: ["allocstats", "support/stress_child"], options: ["-I#{File.dirname(__dir__)}", "-W0"], bundler: !header(name, "gems").nil?)
    return Outcome.new(done: result.value) if result.success? && result.value
    Outcome.new(done: {}, failure: "SEED=#{seed}: ended with #{result.status.inspect}\n#{result.stderr[0, 3000]}")
  rescue ChildProcess::TimedOut => error
    Outcome.new(done: {}, failure: "SEED=#{seed}: hung; #{error.message[0, 3000]}")
  end

  def path(name) = File.join(FOLDER, "#{name}.rb")

  # The words behind `# key:` at the top of the file; nil where there is no such line.
  def header(name, key) = File.foreach(path(name)).take_while { |line| line.start_with?("#") || line.strip.empty? }.filter_map { |line| line[/\A# #{key}(?::(.*))?$/] && $1.to_s.split }.first
  private_class_method :run_once, :path, :header
end
