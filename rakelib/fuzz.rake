# frozen_string_literal: true

# Random calls of all that can be set, each target of test/fuzz under every allocator that it names.
desc "Fuzz what can be set; TARGET=name, SEED=number, SECONDS=each run's (60), TRIES=each run's at most"
task fuzz: :compile do
  $LOAD_PATH.unshift File.expand_path("../lib", __dir__), File.expand_path("../test", __dir__)
  require "allocstats"
  require "support/fuzzing"

  seed = Integer(ENV.fetch("SEED") { Random.new_seed % 2**32 })
  seconds = Float(ENV.fetch("SECONDS", 60))
  tries = ENV["TRIES"]&.to_i
  names = ENV["TARGET"] ? [ENV["TARGET"]] : Fuzzing.targets
  total = 0
  puts "SEED=#{seed}"
  failures = names.flat_map { |name|
    Fuzzing.ways(name).filter_map { |allocator, env|
      next warn("  #{name}: #{allocator.missing}") if allocator.missing

      outcome = Fuzzing.run(name, allocator: allocator, env: env, seed: seed, seconds: seconds, tries: tries)
      total += outcome.tries
      said = outcome.failure ? "FAILED" : outcome.raised.map { |error, count| "#{error.to_s.delete_prefix("AllocStats::")} #{count}" }.join(", ")
      puts "  #{name} under #{allocator} #{env.map { |pair| pair.join("=") }.join(" ")}: #{outcome.tries} tries, #{outcome.answered.to_i} answered, #{said}"
      "#{name} under #{allocator} #{env}: #{outcome.failure}" if outcome.failure
    }
  }
  puts "#{total} tries"
  abort failures.join("\n") if failures.any?
end
