# frozen_string_literal: true

# AllocStats.tcmalloc_property and the release rate with every name, changed ones and odd objects, and values in and out
# of range; never with unsafe: true. Between the calls the process goes on allocating, with whatever was set.
class TcmallocPropertyFuzz < Fuzzing::Target
  Call = Struct.new(:method, :arguments) do
    def inspect = "AllocStats.#{method}(#{arguments.map(&:inspect).join(", ")})"
  end

  def self.allocators = TestAllocators.select { |entry| entry.name == :tcmalloc }

  def initialize
    super
    @properties = AllocStats::Allocators::Tcmalloc::Property.all
    @names = @properties.keys
    @writable = @properties.values.select(&:range)
  end

  def attempt(random)
    return Call.new(:tcmalloc_release_rate, [Fuzzing::Values.any(random)]) if random.rand(10).zero?
    return Call.new(:tcmalloc_property, [name(random)]) if random.rand(5).zero?
    property = @writable.sample(random: random)
    return Call.new(:tcmalloc_property, [property.name, Fuzzing::Values.near(property.range, random)]) if random.rand(2).zero?
    Call.new(:tcmalloc_property, [name(random), Fuzzing::Values.any(random)])
  end

  def perform(call)
    allocate(call)
    AllocStats.public_send(call.method, *call.arguments)
    true
  end

  def settings
    @writable.to_h { |property| [property.name, property.value] }.merge(release_rate: AllocStats.tcmalloc_release_rate)
  end

  private

  def name(random)
    case random.rand(5)
    when 0, 1 then @names.sample(random: random)
    when 2 then Fuzzing::Values.mutated(@names.sample(random: random), random)
    when 3 then Fuzzing::Values.junk(random)
    else Fuzzing::Values.any(random)
    end
  end
end
