# frozen_string_literal: true

require "test_helper"
require "support/fuzzing"

# A short run of every target under every allocator; `rake fuzz` runs them for longer.
class FuzzTest < Minitest::Test
  SECONDS = 2

  Fuzzing.targets.each do |name|
    Fuzzing.ways(name).each do |allocator, env|
      define_method("test_#{[name, "under", allocator, *env.values].join("_")}") do
        skip allocator.missing if allocator.missing
        seed = Random.new_seed % 2**32
        outcome = Fuzzing.run(name, allocator: allocator, env: env, seed: seed, seconds: SECONDS)
        assert_nil outcome.failure, "SEED=#{seed} TARGET=#{name}"
        assert_operator outcome.tries, :>, 200
        assert_operator outcome.answered, :>, 0
        assert_operator outcome.raised.size, :>=, Fuzzing.target(name).errors
      end
    end
  end
end

# That a run would notice what it is there to notice.
class FuzzingTest < Minitest::Test
  GLIBC = TestAllocators["glibc"]

  # The 100th call does what is given.
  def outcome(deed, tries: nil)
    Dir.mktmpdir do |folder|
      File.write(File.join(folder, "made_fuzz.rb"), <<~RUBY)
        class MadeFuzz < Fuzzing::Target
          attr_reader :settings

          def initialize = @settings = {level: 1}

          def attempt(random) = (@calls = @calls.to_i + 1)

          def perform(call)
            #{deed} if call == 100
            call.odd? ? raise(AllocStats::InvalidValue) : false
          end
        end
      RUBY
      Fuzzing.run("made", allocator: GLIBC, seed: 1, seconds: 20, tries: tries, targets: folder)
    end
  end

  def test_a_crash_is_told_with_the_call
    assert_match(/SIGKILL.*the last call was 100$/, outcome("Process.kill(:KILL, $$)").failure)
    assert_match(/exit 3.*the last call was 100$/, outcome("exit!(3)").failure)
  end

  def test_a_foreign_error_is_told_with_the_call
    assert_match(/\A100 raised TypeError: odd/, outcome('raise TypeError, "odd"').failure)
  end

  def test_a_setting_that_a_refused_call_changed_is_told
    assert_match(/\A100 raised AllocStats::Refused and changed level from 1 to 2/, outcome("(@settings = {level: 2}; raise AllocStats::Refused)").failure)
  end

  def test_a_run_ends_after_so_many_tries
    made = outcome("nil", tries: 150)
    assert_nil made.failure
    assert_equal [150, 75, {"AllocStats::InvalidValue": 75}], [made.tries, made.answered, made.raised]
  end

  def test_the_same_seed_makes_the_same_calls
    entry = TestAllocators["jemalloc-5.3.0"]
    skip entry.missing if entry.missing
    calls = Array.new(2) do
      ChildProcess.ruby(<<~RUBY, allocator: entry, require: ["allocstats", "support/fuzzing"], options: ["-I#{__dir__}"]).value
        target = Fuzzing.target("mallctl").new
        random = Random.new(7)
        Array.new(500) { target.attempt(random).inspect.gsub(/0x\\h+/, "").scrub }
      RUBY
    end
    assert_equal(*calls)
  end
end
