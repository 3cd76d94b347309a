# frozen_string_literal: true

# AllocStats.mi_option with names of every version, changed ones and odd objects, and values in and out of range; never
# with unsafe: true. Between the calls the process goes on allocating, with whatever was set.
class MiOptionFuzz < Fuzzing::Target
  Call = Struct.new(:arguments) do
    def inspect = "AllocStats.mi_option(#{arguments.map(&:inspect).join(", ")})"
  end

  def self.allocators = TestAllocators.select { |entry| entry.name == :mimalloc }

  def initialize
    super
    @options = AllocStats.mi_option_catalogue
    @names = @options.keys.map(&:name)
    @elsewhere = AllocStats::Allocators::Mimalloc::MiOption::KNOWN.keys + AllocStats::Allocators::Mimalloc::MiOption::SAME.flatten - @names
  end

  def attempt(random)
    name = name(random)
    option = @options[name.to_sym] if @names.include?(name)
    Call.new(random.rand(5).zero? ? [name] : [name, value(option, random)])
  end

  def perform(call)
    allocate(call)
    AllocStats.mi_option(*call.arguments)
    call.arguments.size > 1
  end

  def settings = @options.transform_values(&:value)

  private

  def name(random)
    case random.rand(10)
    when 0..5 then @names.sample(random: random)
    when 6 then @elsewhere.sample(random: random)
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
