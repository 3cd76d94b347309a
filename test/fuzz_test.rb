# frozen_string_literal: true

require "test_helper"
require "support/fuzzing"

# A short run of every target under every allocator; `rake fuzz` runs them for longer.
class FuzzTest < Minitest::Test
  SECONDS = 2

  Fuzzing.targets.each do |name|
    Fuzzing.ways(name).each do |allocator, env|
      define_method("test_#{name}_under_#{allocator}_#{env.values.join("_")}") do
        skip allocator.missing if allocator.missing
        seed = Random.new_seed % 2**32
        outcome = Fuzzing.run(name, allocator: allocator, env: env, seed: seed, seconds: SECONDS)
        assert_nil outcome.failure, "SEED=#{seed} TARGET=#{name}"
        assert_operator outcome.tries, :>, 500
        assert_operator outcome.answered, :>, 0
        assert_includes outcome.raised, :"AllocStats::UnknownName"
      end
    end
  end
end
