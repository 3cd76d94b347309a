# frozen_string_literal: true

require "test_helper"
require "support/rails_app"

# The application in examples/rails_app in production mode, under each allocator: what the endpoint says is held against
# what the kernel says of the server's process from outside.
class RailsAppTest < Minitest::Test
  PAGES = ["/", "/products/7", "/feed?page=4", "/search?q=linen", "/up"].freeze

  def setup
    skip RailsApp.missing if RailsApp.missing
  end

  ["glibc", "jemalloc-5.3.0", "mimalloc-2.0.9", "mimalloc-3.6.0"].each do |key|
    define_method("test_tells_the_truth_under_#{key}") do
      entry = TestAllocators[key]
      skip entry.missing if entry.missing
      RailsApp.run(allocator: entry) do |server|
        PAGES.each { |path| assert_equal "200", server.get(path).code, path }
        server.burst(20, "/products")

        assert_truth entry, server, JSON.parse(server.get("/allocator", RailsApp::KEY).body, symbolize_names: true)
        assert_page entry, server.get("/allocator/report.txt", RailsApp::KEY).body.force_encoding(Encoding::UTF_8)
      end
    end
  end

  def test_the_endpoint_keeps_its_rules_in_rails
    RailsApp.run do |server|
      got, head = server.get("/allocator", RailsApp::KEY), server.request(Net::HTTP::Head.new("/allocator", RailsApp::KEY))

      assert_equal ["no-store", "application/json; charset=utf-8"], [got["cache-control"], got["content-type"]]
      assert_equal ["200", nil], [head.code, head.body]
      assert_equal "404", server.get("/allocator/else", RailsApp::KEY).code
      assert_equal ["405", "GET, HEAD"], server.request(Net::HTTP::Post.new("/allocator", RailsApp::KEY.merge("Content-Type" => "application/json"))).then { |answer| [answer.code, answer["allow"]] }
      assert_equal ["401", %({"error":"unauthorized"}\n)], server.get("/allocator").then { |answer| [answer.code, answer.body] }
      assert_equal "200", server.get("/allocator/health").code
    end
  end

  def test_a_burst_leaves_the_application_answering
    RailsApp.run(env: {"RAILS_ENV" => "development", "ALLOCSTATS_TOKEN" => nil}) do |server|
      assert_equal ["200"], server.burst(100, "/allocator").map(&:code).uniq
      assert_equal "200", server.get("/").code
    end
  end

  def test_is_served_elsewhere_when_configured
    RailsApp.run(env: {"ALLOCSTATS_PATH" => "/internal/malloc"}) do |server|
      assert_equal server.pid, JSON.parse(server.get("/internal/malloc", RailsApp::KEY).body).dig("process", "pid")
      assert_equal "404", server.get("/allocator").code
    end
  end

  def test_is_not_there_when_switched_off
    RailsApp.run(env: {"ALLOCSTATS_PATH" => "off"}) do |server|
      assert_equal "404", server.get("/allocator/health").code
      assert_equal "200", server.get("/").code
    end
  end

  private

  def assert_truth(entry, server, told)
    assert_equal server.pid, told[:process][:pid]
    assert_equal [entry.name.to_s, entry.version, "sole"], told[:allocator].values_at(:name, :version, :verdict)
    assert_equal entry.path, told[:allocator][:path] if entry.path
    assert_includes mapped_files(server.pid), File.realpath(told[:allocator][:path])
    assert_empty told[:absent]

    kernel = File.read("/proc/#{server.pid}/status")[/^VmRSS:\s+(\d+) kB/, 1].to_i * 1024
    assert_in_delta kernel, told[:memory][:rss], kernel * 0.25
    assert_equal told[:ledger][:rss], told[:ledger][:layers].values.compact.sum
  end

  def assert_page(entry, page)
    assert page.start_with?("#{entry.name} #{entry.version} owns all of malloc"), page
    assert page.valid_encoding?
    assert_operator page.lines.map { |line| line.chomp.length }.max, :<=, 100
  end

  def mapped_files(pid)
    File.readlines("/proc/#{pid}/maps").filter_map { |line| line[%r{/.*}] }.uniq
  end
end
