# frozen_string_literal: true

# AllocStats.mallctl and mallctl_many with names of the table, changed ones, binary junk and odd objects, with indices
# in and out of range, and values of every class; never with unsafe: true.
class MallctlFuzz < Fuzzing::Target
  Call = Struct.new(:method, :arguments, :keywords) do
    def inspect = "AllocStats.#{method}(#{[*arguments.map(&:inspect), *keywords.map { |key, value| "#{key}: #{value.inspect}" }].join(", ")})"
  end

  INDICES = [0, 0, 0, 1, 2, 3, 7, 8, 9, 35, 36, 198, 199, 4095, 4096, 4097, 4098, 2**32, 2**64, "all", "destroyed", "-1", "0x1", "+1", " 1", ""].freeze
  TYPES = ["size_t", "bool", "void", "const char *", "void *", "char *", "struct", :unsigned, "", nil, 7].freeze
  # Each one of these makes the snapshots of all later reading slower.
  MAKING = %w[arenas.create tcache.create].freeze
  ONE_IN = 50

  def self.allocators = TestAllocators.select { |entry| entry.name == :jemalloc }

  def self.environments = [{}, {"MALLOC_CONF" => "prof:true,prof_active:false"}]

  def initialize
    super
    @entries = AllocStats.mallctls
    @names = @entries.keys
    @parts = @names.flat_map { |name| name.split(".") }.uniq
    @watched = watchable.select { |name| answers?(name) }
  end

  def attempt(random)
    return Call.new(:mallctl_many, Array.new(random.rand(4)) { name(random) }, {}) if random.rand(20).zero?

    arguments = [name(random)]
    arguments << Fuzzing::Values.any(random) if random.rand(2).zero?
    Call.new(:mallctl, arguments, (random.rand(10).zero? ? {type: TYPES.sample(random: random)} : {}))
  end

  def perform(call)
    AllocStats.public_send(call.method, *call.arguments, **call.keywords)
    call.method == :mallctl
  end

  def settings = AllocStats.mallctl_many(@watched)

  private

  def name(random)
    case random.rand(10)
    when 0..4 then indexed(of_table(random), random)
    when 5, 6 then Fuzzing::Values.mutated(indexed(of_table(random), random), random)
    when 7 then Array.new(random.rand(1..5)) { @parts.sample(random: random) }.join(".")
    when 8 then Fuzzing::Values.junk(random)
    else Fuzzing::Values.any(random)
    end
  end

  # What can be set is asked for as often as all the rest.
  def of_table(random)
    @settable ||= @names.reject { |name| @entries[name].access == :read }
    name = (random.rand(2).zero? ? @settable : @names).sample(random: random)
    (MAKING.include?(name) && random.rand(ONE_IN) > 0) ? "version" : name
  end

  def indexed(name, random) = name.gsub(/<[ij]>/) { INDICES.sample(random: random).to_s }

  def watchable
    writable = @entries.select { |_, entry| %i[read_write read_or_write].include?(entry.access) && !entry.refused }.keys - ["epoch"]
    writable.flat_map { |name| name.include?("<i>") ? %w[0 1 all].map { |index| name.sub("<i>", index) } : name }
  end

  def answers?(name)
    AllocStats.mallctl(name)
    true
  rescue AllocStats::Error
    false
  end
end
