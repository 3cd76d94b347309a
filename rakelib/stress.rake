# frozen_string_literal: true

# What hunts for crashes and hangs, each file of test/stress under every allocator that it is meant for.
desc "Stress what could crash or hang a host; NAME=a file of test/stress, ALLOCATOR=a prefix, SECONDS=each run's (600), SEED=number"
task stress: :compile do
  $LOAD_PATH.unshift File.expand_path("../lib", __dir__), File.expand_path("../test", __dir__)
  require "allocstats"
  require "support/stressing"

  seed = Integer(ENV.fetch("SEED") { Random.new_seed % 2**32 })
  seconds = Float(ENV.fetch("SECONDS", 600))
  names = ENV["NAME"] ? [ENV["NAME"]] : Stressing.names
  failures = names.flat_map { |name|
    next [warn("  #{Stressing.unfit(name)}")].compact if Stressing.unfit(name)

    Stressing.allocators(name).select { |entry| entry.key.start_with?(ENV.fetch("ALLOCATOR", "")) }.filter_map { |entry|
      next warn("  #{name}: #{entry.missing}") if entry.missing

      outcome = Stressing.run(name, allocator: entry, seconds: seconds, seed: seed)
      puts "  #{name} under #{entry}: #{outcome.failure ? "FAILED" : outcome.done.map { |what, count| "#{count} #{what}" }.join(", ")}"
      "#{name} under #{entry}: #{outcome.failure}" if outcome.failure
    }
  }
  abort failures.join("\n") if failures.any?
end
