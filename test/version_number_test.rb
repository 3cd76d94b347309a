# frozen_string_literal: true

require "test_helper"

class VersionNumberTest < Minitest::Test
  def version(text) = AllocStats::VersionNumber.new(text)

  # As RubyGems compares them.
  def test_order
    texts = %w[2 2.0 2.0.9 2.1 2.2.4 2.10 3.0.1 3.3 3.6.0 5.3.0 10.0]
    texts.product(texts).each { |one, other| assert_equal Gem::Version.new(one) <=> Gem::Version.new(other), version(one) <=> version(other), [one, other] }
  end

  def test_what_follows_the_numbers_is_passed_by
    assert_equal version("5.3.1"), version("5.3.1-0-g1234")
    ["", nil, "x", "v1", "-1"].each do |text|
      assert_nil AllocStats::VersionNumber.read(text)
      assert_raises(AllocStats::InvalidValue) { version(text) }
    end
    assert_raises(AllocStats::InvalidValue) { version("9" * 10 + "x").meets?(["~> 1"]) }
  end

  def test_requirements
    between = [">= 5.1.0", "< 5.2.0"]
    assert_equal %w[5.1 5.1.0 5.1.9], %w[5.0.9 5.1 5.1.0 5.1.9 5.2 5.2.0].select { |text| version(text).meets?(between) }
    assert_equal %w[3.6 3.6.0], %w[3.5.9 3.6 3.6.0 3.6.1].select { |text| version(text).meets?(["= 3.6.0"]) }
    assert_equal %w[3.3.0 3.6.0], %w[3.3.0 3.6.0 3.6.1].select { |text| version(text).meets?([">= 3.3.0", "<= 3.6.0"]) }
    assert version("1").meets?([])
  end
end

# A Ruby without RubyGems, and so without RbConfig and DidYouMean.
class WithoutGemsTest < Minitest::Test
  CALLS = "[AllocStats.allocator.to_h, AllocStats.report.to_s, AllocStats.doctor.to_s, AllocStats.settings.to_h, AllocStats.health.to_h, AllocStats.census.to_h, " \
    "AllocStats.ledger.to_h, AllocStats::Formats::Prometheus.generate(AllocStats.metrics), AllocStats.help.to_s, AllocStats.purge.to_h, AllocStats.workers.to_h, AllocStats.host_facts.to_h]"

  %w[glibc jemalloc-5.3.0 mimalloc-3.6.0 mimalloc-2.0.9 tcmalloc-2.10].each do |key|
    define_method("test_all_works_under_#{key}") do
      entry = TestAllocators[key] or next
      skip entry.missing if entry.missing
      environment = {"RUBYOPT" => nil, "MALLOC_CONF" => "cache_oblivious:true,nonsense:1", "MIMALLOC_PURGE_DELAY" => "5", "GLIBC_TUNABLES" => "glibc.malloc.hugetlb=0", "TCMALLOC_RELEASE_RATE" => "2"}
      result = ChildProcess.command(RbConfig.ruby, "--disable-gems", "-Ilib", "-rallocstats", "-e", "print defined?(Gem).inspect, #{CALLS}.size", env: environment.merge(entry.env), check: false)
      assert_equal ["nil12", true], [result.stdout, result.success?], result.stderr
    end
  end
end
