# frozen_string_literal: true

require "test_helper"

# From Ruby 4.1 on Range#cover? raises for NaN, as it does here whichever Ruby runs.
class NotANumberTest < Minitest::Test
  AS_IN_4_1 = <<~RUBY
    Range.prepend(Module.new { def cover?(value) = (value.respond_to?(:nan?) && value.nan?) ? raise(ArgumentError, "bad value for range") : super })
    def answer
      yield
      "taken"
    rescue => error
      error.class.name
    end
  RUBY

  def answers(calls, **options)
    ChildProcess.ruby("#{AS_IN_4_1}; require 'allocstats/rack'; [#{calls.map { |call| "answer { #{call} }" }.join(", ")}]", **options).value
  end

  def test_it_is_refused_everywhere
    calls = ["AllocStats.start(interval: Float::NAN)", "AllocStats.doctor(wait: Float::NAN)", "AllocStats.health(pressure: {warn: {ratio: Float::NAN}})",
      "AllocStats.metrics(health: {kept: {warn: {ratio: Float::NAN}}})", "AllocStats::Rack::Endpoint.new(cache_seconds: Float::NAN)"]
    assert_equal ["AllocStats::InvalidValue"] * calls.size, answers(calls)
  end

  def test_tcmallocs_release_rate
    entry = TestAllocators["tcmalloc-2.10"] || TestAllocators.find { |one| one.name == :tcmalloc }
    skip entry.missing if entry.missing
    calls = ["AllocStats.tcmalloc_release_rate(Float::NAN)", "AllocStats.tune(release_rate: Float::NAN)"]
    assert_equal ["AllocStats::InvalidValue"] * calls.size, answers(calls, allocator: entry)
  end
end
