# A purge beside threads that pass safe points in the middle of others' purges, blocks that change threads before they are
# freed, and threads that come and go.
# under: jemalloc mimalloc tcmalloc
stop = false
handed = Queue.new
threads = Array.new(6) do
  Thread.new do
    points = 0
    until stop
      handed << Array.new(50) { "x" * Random.rand(8000) }
      (handed.size > 20) ? handed.pop.clear : nil
      Thread.new { AllocStats.safe_point }.join if Random.rand < 0.01
      points += 1 if AllocStats.safe_point
    end
    points
  end
end
purges = Stress.repeat { |i| AllocStats.purge(gc: i % 50 == 0) }
stop = true
points = threads.sum { |thread| thread.join(20)&.value || abort("a thread does not end") }
Stress.assert_usable
{purges: purges, points: points}
