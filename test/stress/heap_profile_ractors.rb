# A profile while Ractors begin, allocate and end.
# with: RUBYOPT=-W:no-experimental
profile = AllocStats::HeapProfile
profile.start(interval: 64)
result = ->(ractor) { ractor.respond_to?(:take) ? ractor.take : ractor.value }
count = Stress.repeat do |i|
  ractors = Array.new(3) { Ractor.new { Array.new(300) { |n| "r" * (n + 10) }.sum(&:size) } }
  ractors.each { |ractor| abort("a Ractor's answer is wrong") unless result.call(ractor) == 47_850 }
  profile.snapshot.top if (i % 20).zero?
  GC.start if (i % 10).zero?
end
{ractors: count * 3, samples: profile.stop.total_bytes.samples}
