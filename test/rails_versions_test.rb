# frozen_string_literal: true

require "test_helper"
require "support/small_rails"

# The Railtie in each combination of Rails, Rack and Puma that gemfiles/ has: all that it does, in one application each.
module RailsVersionsTests
  TOKEN = "of-the-test-of-versions"
  KEY = {"Authorization" => "Bearer #{TOKEN}"}.freeze

  CONFIGURATION = <<~RUBY
    config.allocstats.token = "#{TOKEN}"
    config.allocstats.server_timing = true
    config.log_level = :info
    config.content_security_policy { |policy| policy.default_src :none }
  RUBY

  SUBSCRIBERS = <<~RUBY
    $stdout.sync = true
    ActiveSupport::Notifications.subscribe("purge.allocstats") do |event|
      puts "event: \#{event.payload[:outcome]} gc=\#{event.payload[:gc]} \#{event.payload[:purge].class} \#{event.duration >= event.payload[:purge].seconds * 1000}"
    end
    ActiveSupport::Notifications.subscribe("process_action.action_controller") { |*, payload| puts "counted: \#{payload[:malloc_bytes].inspect}" }
  RUBY

  def setup
    skip rails.missing if rails.missing
  end

  def rails = self.class::RAILS

  def body(server, path) = server.get(path, KEY).body.force_encoding(Encoding::UTF_8)

  def test_under_jemalloc
    entry = TestAllocators["jemalloc-5.3.0"]
    skip entry.missing if entry.missing
    rails.run(CONFIGURATION, before: SUBSCRIBERS, allocator: entry) do |server|
      assert_match self.class::VERSIONS, server.get("/").body
      assert_mounted server
      assert_closed server
      assert_page server
      assert_counted server
      assert_told_of_purges server
    end
  end

  def test_under_glibc
    rails.run(CONFIGURATION) do |server|
      assert_nil server.get("/page")["Server-Timing"]
      assert_match(/Completed 200 OK in .*Views: /, server.log)
      refute_match(/Malloc: /, server.log)
      assert_equal "glibc", JSON.parse(body(server, "/allocator.json")).dig("allocator", "name")
    end
  end

  private

  def assert_mounted(server)
    ["/allocator", "/allocator/", "/allocator.json", "/allocator/report.json"].each do |path|
      assert_equal server.pid, JSON.parse(body(server, path)).dig("process", "pid"), path
    end
    assert_match(/^pid #{server.pid} /, body(server, "/allocator/report.txt"))
    assert_equal "404", server.get("/allocator/else", KEY).code
    assert_equal ["200", nil], server.request(Net::HTTP::Head.new("/allocator", KEY)).then { |answer| [answer.code, answer.body] }
    ["/allocators", "/allocator-else", "/allocator.jsonx", "/allocator.xml", "/x/allocator"].each { |path| assert_equal "caught", server.get(path).body, path }
  end

  def assert_closed(server)
    assert_equal ["401", %({"error":"unauthorized"}\n)], server.get("/allocator").then { |answer| [answer.code, answer.body] }
    assert_equal "401", server.get("/allocator.json", "Authorization" => "Bearer another").code
    assert_equal({"status" => "pass"}, JSON.parse(server.get("/allocator/health").body).slice("status", "checks"))
  end

  # Its own policy stands, and not the application's beside it, under which it would be without its style.
  def assert_page(server)
    page = server.get("/allocator", {**KEY, "Accept" => "text/html"})

    assert_equal ["200", "text/html; charset=utf-8"], [page.code, page["Content-Type"]]
    assert_equal 1, page.get_fields("Content-Security-Policy").size
    assert_includes page["Content-Security-Policy"], "style-src 'self'"
    assert_equal ["text/css; charset=utf-8"], server.get("/allocator/page.css", KEY).get_fields("Content-Type")
  end

  def assert_counted(server)
    bytes = server.get("/page")["Server-Timing"][/\Amalloc;desc="(\d+) B"\z/, 1].to_i

    assert_operator bytes, :>=, 3_000_000
    assert_match(/Completed 200 OK in \d+ms \(Views: .* \| Malloc: \d+\.\d MiB/, server.log)
    counted = server.log[/^counted: (\d+)$/, 1].to_i
    assert_includes 3_000_000..bytes, counted
  end

  def assert_told_of_purges(server)
    outcome = server.get("/purge").body

    assert_equal ["event: #{outcome} gc=true AllocStats::Purge true\n"], server.log.lines.grep(/^event: /)
  end

  # Which is which, as the application says it of itself.
  {
    "rails_6_1" => /\A6\.1\.\S+ 2\.2\.\S+ 6\.\S+\z/,
    "rails_7_1" => /\A7\.1\.\S+ 3\.1\.\S+ 7\.\S+\z/,
    "rails_7_2" => /\A7\.2\.\S+ 3\.2\.\S+ (?:[89]|\d\d)\.\S+\z/,
    "rails_7_2_rack_2" => /\A7\.2\.\S+ 2\.2\.\S+ 6\.\S+\z/,
    "rails_8" => /\A8\.\S+ 3\.2\.\S+ (?:[89]|\d\d)\.\S+\z/
  }.each do |name, versions|
    tests = Class.new(Minitest::Test)
    tests.const_set(:RAILS, SmallRails.new(name))
    tests.const_set(:VERSIONS, versions)
    tests.include(self)
    const_set(name.split("_").map(&:capitalize).join, tests)
  end
end

class RailsGemfilesTest < Minitest::Test
  def test_each_gemfile_is_tested
    assert_equal SmallRails::NAMES, RailsVersionsTests.constants.map { |name| RailsVersionsTests.const_get(name) }.select { |type| type.is_a?(Class) }.map { |type| File.basename(type::RAILS.gemfile, ".gemfile") }.sort
  end
end
