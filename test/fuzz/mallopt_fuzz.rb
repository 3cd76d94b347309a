# frozen_string_literal: true

# AllocStats.mallopt with its names, changed ones and odd objects, and values in and out of range; never with unsafe:
# true. Between the calls the process goes on allocating, with whatever was set.
class MalloptFuzz < Fuzzing::Target
  Call = Struct.new(:arguments) do
    def inspect = "AllocStats.mallopt(#{arguments.map(&:inspect).join(", ")})"
  end

  def self.allocators = [TestAllocators["glibc"]]

  def self.environments = [{}, {"MALLOC_ARENA_MAX" => "2", "GLIBC_TUNABLES" => "glibc.malloc.tcache_count=0"}]

  def initialize
    super
    @options = AllocStats.mallopt_catalogue
    @names = @options.keys.map(&:name)
  end

  def attempt(random)
    name = name(random)
    option = @options[name.to_sym] if @names.include?(name)
    Call.new([name, value(option, random)])
  end

  def perform(call)
    allocate(call, most: 200_000)
    AllocStats.mallopt(*call.arguments)
    true
  end

  # mallopt does not read: what it was last given stands for it.
  def settings = @options.keys.each_index.to_h { |index| [@names[index], AllocStats::Allocators::Glibc.mallopt_remembered(index)] }

  private

  def name(random)
    case random.rand(10)
    when 0..6 then @names.sample(random: random)
    when 7 then Fuzzing::Values.mutated(@names.sample(random: random), random)
    when 8 then Fuzzing::Values.junk(random)
    else Fuzzing::Values.any(random)
    end
  end

  # Often one that the option takes, and the ends of what it takes.
  def value(option, random)
    return Fuzzing::Values.any(random) unless option && random.rand(3) > 0
    Fuzzing::Values.near(option.range, random)
  end
end
