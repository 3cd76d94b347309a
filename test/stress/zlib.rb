# A purge beside the standard library's Zlib, which calls malloc without the GVL.
require "zlib"

stop = false
text = Array.new(20_000) { |i| (i * 7919).to_s(36) }.join
packed = Zlib::Deflate.deflate(text)
threads = Array.new(6) do |i|
  Thread.new do
    rounds = 0
    until stop
      if i.even?
        inflate = Zlib::Inflate.new
        packed.each_char.each_slice(4096) { |slice| inflate << slice.join }
        inflate.finish.bytesize == text.bytesize or abort("zlib has lost something")
        inflate.close
      else
        Zlib::Deflate.deflate(text, 1)
      end
      AllocStats.safe_point
      rounds += 1
    end
    rounds
  end
end
purges = Stress.repeat { AllocStats.purge }
stop = true
rounds = threads.sum { |thread| thread.join(20)&.value || abort("a thread does not end") }
Stress.assert_usable
{purges: purges, rounds: rounds}
