# A profile of every block while threads, fibers, evaluated code, compaction, forks and libraries of C are at work, and threads
# that are killed, that raise and that begin anew.
require "json"
require "openssl"
require "zlib"

profile = AllocStats::HeapProfile
dive = ->(depth) { depth.zero? ? "d" * 200 : dive.call(depth - 1) }
work = [
  -> { Array.new(50) { |i| "x" * (i * 37) } },
  -> { JSON.parse(JSON.generate((1..100).to_h { |i| [i.to_s, "v" * i] })) },
  -> { Fiber.new { Fiber.yield("y" * 500) && Array.new(10) { "z" * 100 } }.tap(&:resume).resume },
  -> { RubyVM::InstructionSequence.compile("def evaluated#{rand(50)}(a) = a.to_s * 100\n'e' * 300").eval },
  -> { Zlib.gunzip(Zlib.gzip("abc" * 1000)) },
  -> { OpenSSL::Digest.hexdigest("SHA256", "q" * 100) },
  -> { Thread.new { "t" * 400 }.join },
  -> {
    begin
      Thread.new { raise "x" * 300 }.tap { |thread| thread.report_on_exception = false }.join
    rescue
      nil
    end
  },
  -> { Thread.new { sleep }.tap { Thread.pass }.kill.join },
  -> { dive.call(80) },
  -> { Class.new { define_method(:made) { "f" * 300 } }.new.made },
  -> { catch(:out) { throw :out, "l" * 100 } },
  -> { IO.pipe.each(&:close) },
  -> { Enumerator.new { |yielder| yielder << "e" * 200 }.next }
]

profile.start(interval: 1)
stop = false
threads = work.map { |one| Thread.new { one.call until stop } }
threads << Thread.new { GC.start && GC.compact && sleep(0.05) until stop }
threads << Thread.new { profile.snapshot.top && sleep(0.1) until stop }
forks = Stress.repeat do
  child = fork do
    Array.new(100) { "c" * 333 }
    profile.snapshot.top if rand(4).zero?
    exit!(0)
  end
  _, status = Process.wait2(child)
  abort("a child of the profile ended with #{status}") unless status.success?
end
stop = true
threads.each { |thread| thread.join(20) or abort("a thread does not end under the profile") }
last = profile.stop
abort("what the profile kept is not given back") unless AllocStats.private_heap.held.fetch(:heap_profile).zero?
Stress.assert_usable
{forks: forks, samples: last.total_bytes.samples}
