# A purge beside Ractors that allocate, whose threads share native threads.
# ruby: 3.3
# with: RUBY_MN_THREADS=1
ractors = Array.new(3) do
  Ractor.new(Stress::SECONDS) do |seconds|
    ends = Process.clock_gettime(Process::CLOCK_MONOTONIC) + seconds
    rounds = 0
    while Process.clock_gettime(Process::CLOCK_MONOTONIC) < ends
      Array.new(50) { "x" * 3000 }
      AllocStats.safe_point
      AllocStats.measure { "y" * 1000 }.given.nil? or raise("malloc's counters are not this thread's")
      rounds += 1
    end
    rounds
  end
end
threads = Array.new(4) { Thread.new { Stress.repeat { Array.new(20) { "x" * Random.rand(5000) } && AllocStats.safe_point } } }
purges = Stress.repeat { AllocStats.purge }
rounds = ractors.sum { |ractor| ractor.respond_to?(:value) ? ractor.value : ractor.take }
threads.each { |thread| thread.join(20) or abort("a thread does not end") }
Stress.assert_usable
{purges: purges, rounds: rounds}
