# frozen_string_literal: true

require "test_helper"
require "support/diagnosing"
require "support/puma_server"

# Where nothing is wrong the doctor finds nothing: real servers under load, by each allocator as it comes and by its
# profiles, single and in a cluster, from inside and from outside.
class DiagnosisHealthyTest < Minitest::Test
  include Diagnosing

  # [allocator, profile, workers]
  SERVERS = [
    ["glibc", nil, 0], ["glibc", nil, 2], ["glibc", :low_memory, 2], ["glibc", :balanced, 0],
    ["jemalloc-5.3.0", nil, 0], ["jemalloc-5.3.0", nil, 2], ["jemalloc-5.3.0", :low_memory, 2], ["jemalloc-5.3.0", :balanced, 0],
    ["jemalloc-5.3.1", nil, 2], ["jemalloc-5.3.1", :throughput, 0],
    ["mimalloc-2.0.9", nil, 0], ["mimalloc-2.0.9", :low_memory, 2],
    ["mimalloc-3.0.1", nil, 2], ["mimalloc-3.0.1", :balanced, 0],
    ["mimalloc-3.6.0", nil, 0], ["mimalloc-3.6.0", nil, 2], ["mimalloc-3.6.0", :low_memory, 2], ["mimalloc-3.6.0", :balanced, 0],
    ["tcmalloc-2.10", nil, 0], ["tcmalloc-2.10", :balanced, 2]
  ].freeze

  RACKUP = <<~'RUBY'
    require "allocstats"
    require "json"
    AllocStats.start
    run(lambda do |env|
      body = case env["PATH_INFO"]
      when "/doctor" then JSON.generate(AllocStats.doctor.to_h)
      when "/pid" then Process.pid.to_s
      else Array.new(2000) { |i| "row #{i} " * 8 }.join.length.to_s
      end
      [200, {"content-type" => "text/plain"}, [body]]
    end)
  RUBY

  SERVERS.each do |key, profile, workers|
    define_method(:"test_#{key}_#{profile || "as_it_comes"}_with_#{workers}_workers") do
      entry = TestAllocators[key]
      skip entry.missing if entry.missing
      PumaServer.run(rackup: RACKUP, workers: workers, env: environment(entry, profile)) do |server|
        3.times { server.burst(10, "/") }
        assert_healthy JSON.parse(server.get("/doctor").body, symbolize_names: true)
        diagnosis = AllocStats.doctor(pid: Integer(server.get("/pid").body))
        assert_predicate diagnosis, :healthy?, diagnosis.to_s
        assert_match(/under most likely #{entry.name}/, diagnosis.summary)
      end
    end
  end

  private

  def environment(entry, profile)
    return entry.env unless profile
    AllocStats::Launch.environment(allocator: entry.path || "glibc", profile: profile, base: {})
  end
end
