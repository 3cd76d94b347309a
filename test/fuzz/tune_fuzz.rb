# frozen_string_literal: true

# AllocStats.tune with one to four options at once: names of the running allocator, of the others, changed ones and odd
# objects, with values in and out of range, sometimes on top of a profile. Between the calls the process goes on
# allocating, with whatever was set.
class TuneFuzz < Fuzzing::Target
  Call = Struct.new(:profile, :options) do
    def inspect = "AllocStats.tune(#{profile.inspect}, **#{options.inspect})"
  end

  MOST_OPTIONS = 4

  def initialize
    super
    languages = AllocStats::Allocators.select(&:options).to_h { |allocator| [allocator.id, allocator.options] }
    @own = AllocStats::Tuner.options.usual.map(&:to_s)
    @fixed = AllocStats::Tuner.options.names.map(&:to_s) - @own
    @elsewhere = languages.except(AllocStats.allocator.name, :mimalloc).flat_map { |_, language| language.names.map(&:to_s) }
    @options = @own.map { |name| AllocStats::Tuner.option(name) }
    @good = @options.to_h { |option| [option.name.name, option.value] }
  end

  def attempt(random)
    profile = (random.rand(6) == 0) ? [*AllocStats::Tuner::Profiles::NAMES, :fast, 7].sample(random: random) : nil
    Call.new(profile, Array.new(1 + random.rand(MOST_OPTIONS)) { name(random) }.to_h { |name| [name, value(name, random)] })
  end

  def perform(call)
    allocate(call)
    AllocStats.tune(call.profile, **call.options)
    true
  end

  # What the allocator shows, but for glibc, whose own defaults are no values.
  def settings = @options.to_h { |option| [option.name, option.state] }

  private

  # Mostly those that can be set: one odd name spoils a call.
  def name(random)
    case random.rand(30)
    when 0..25 then @own.sample(random: random)
    when 26 then @fixed.sample(random: random)
    when 27 then @elsewhere.sample(random: random)
    when 28 then Fuzzing::Values.mutated(@own.sample(random: random), random)
    else Fuzzing::Values.any(random)
    end
  end

  def value(name, random)
    return Fuzzing::Values.any(random) if random.rand(6) == 0
    [@good[name], random.rand(100_000), random.rand(3), true, false].compact.sample(random: random)
  end
end
