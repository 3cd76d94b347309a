# Forks beside purges and threads that allocate: each child purges, and ends.
# under: glibc jemalloc mimalloc-2 mimalloc-3.0 tcmalloc
stop = false
threads = Array.new(4) { Thread.new { Array.new(100) { "x" * Random.rand(5000) } && AllocStats.safe_point until stop } }
Thread.pass until threads.all?(&:status)
purger = Thread.new { AllocStats.purge until stop }
forks = Stress.repeat do
  pid = fork { exit!(%i[released nothing unshared].include?(AllocStats.purge(gc: true).outcome) ? 0 : 1) }
  ends = Stress.now + 20
  until (ended = Process.wait2(pid, Process::WNOHANG))
    (Stress.now > ends) ? (Process.kill(:KILL, pid) && abort("a child hangs")) : sleep(0.002)
  end
  ended.last.success? or abort("a child has failed: #{ended.last.inspect}")
end
stop = true
[purger, *threads].each { |thread| thread.join(20) or abort("a thread does not end") }
Stress.assert_usable
{forks: forks}
