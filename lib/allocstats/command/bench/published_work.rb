# frozen_string_literal: true

# The work of the published benchmark, for a process of its own: threads make strings in rounds, keep some of them, and
# throw all away at the end of each round; a full collection ends the round, and another one the work. Two smaller rounds
# before it warm everything up.
#
# Arguments: the descriptor to answer on, threads, rounds, strings a round, bytes a string, every how many a string is
# kept, seconds of rest after the work, and a profile for AllocStats.tune, or none.
require "allocstats/facade"
require "json"

answer, threads, rounds, strings, bytes, keep = ARGV.first(6).map { |argument| Integer(argument) }
rest = Float(ARGV[6])
profile = ARGV[7]
AllocStats.tune(profile) if profile

SLICES = 100

rss = -> { AllocStats.sample.rss }
collect = -> { GC.start(full_mark: true, immediate_sweep: true) }

# A round answers how long each hundredth of it took.
round = lambda do |times|
  slice = [times / SLICES, 1].max
  took = []
  kept = []
  i = 0
  while i < times
    begun = AllocStats::Clock.now
    until i >= times
      made = "x" * bytes
      kept << made if i % keep == 0
      i += 1
      break if i % slice == 0
    end
    took << AllocStats::Clock.now - begun
  end
  kept.clear
  collect.call
  took
end

2.times { round.call([strings / 10, 1].max) }
before = rss.call
begun = AllocStats::Clock.now
slices = Array.new(threads) { Thread.new { Array.new(rounds) { round.call(strings) } } }.flat_map(&:value).flatten
collect.call
ended = AllocStats::Clock.now
rss_at_end = rss.call
sleep rest
settled = rss.call
purged_from = AllocStats::Clock.now
purge = AllocStats.purge

IO.for_fd(answer, "w").write(JSON.generate(
  before: before, end: rss_at_end, settled: settled, purged: rss.call, released: purge.released,
  seconds: ended - begun, purge_seconds: purge.seconds, p99: AllocStats::Statistics.percentile(slices, 0.99),
  began_at: begun, ended_at: ended, purged_at: purged_from + purge.seconds
))
