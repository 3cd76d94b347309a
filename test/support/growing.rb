# frozen_string_literal: true

# Ways in which a process grows, as code that makes it grow by about `mib` MiB each time it runs, and the verdict that is
# true of each. What is needed once stands in PREPARED.
module Growing
  PREPARED = <<~RUBY
    require "fiddle"
    require "tempfile"
    require "zlib"
    C = lambda { |name, *types, answer| Fiddle::Function.new(Fiddle::Handle::DEFAULT[name], types, answer) }
    INT, LONG, POINTER = Fiddle::TYPE_INT, Fiddle::TYPE_LONG, Fiddle::TYPE_VOIDP
    MMAP = C.call("mmap", POINTER, LONG, INT, INT, INT, LONG, POINTER)
    MEMSET = C.call("memset", POINTER, INT, LONG, POINTER)
    $held = []
    def objects(mib) = (mib * (1 << 20) / GC::INTERNAL_CONSTANTS.fetch(:RVALUE_SIZE, 40)).times { $head = [$head, 1] }
    def strings(mib) = $held << Array.new(mib * 1_040) { "x" * 960 }
    def library(mib) = $held << Array.new(mib * 4) { Zlib::Deflate.new.tap { |deflate| deflate.deflate("x" * 100_000) } }
    def cache(mib) = (mib * 1_040).times { |i| ($cache ||= {})[($cached = $cached.to_i + 1)] = "y" * 960 }
    def mapping(mib) = MEMSET.call(MMAP.call(nil, mib << 20, 3, 0x22, -1, 0), 1, mib << 20)
    def file(mib)
      file = Tempfile.new
      IO.copy_stream("/dev/zero", file, mib << 20)
      file.flush
      pages = MMAP.call(nil, mib << 20, 1, 1, file.fileno, 0)
      $read = C.call("memchr", POINTER, INT, LONG, POINTER).call(pages, 1, mib << 20)
    end
    def dive(depth) = depth.zero? ? 0 : [1].each { dive(depth - 1) }
    def stacks(mib)
      all = Array.new(mib * 4) { Thread.new { dive(400); sleep } }
      sleep 0.01 until all.all? { |thread| thread.status == "sleep" }
    end
    # Blocks that are given back, but for so few that no heap can shrink.
    def burst(mib)
      all = Array.new(mib * 1_040) { "z" * 960 }
      all.each_with_index { |text, index| $held << text if index % 512 == 0 }
      all.clear
      $held << "z" * 960
      GC.start
    end
  RUBY

  # way => verdict
  WAYS = {objects: :ruby_objects, strings: :growing, library: :growing, cache: :growing, mapping: :mappings, file: :files, stacks: :stacks, burst: :retention}.freeze
end
