# frozen_string_literal: true

require "test_helper"
require "support/small_rails"

# What the endpoint leaves in an application's log: nothing of who reads, a line of who changes or may not.
class RailsQuietTest < Minitest::Test
  TOKEN = "changes-in-this-test"
  KEY = {"Authorization" => "Bearer #{TOKEN}"}.freeze
  READINGS = ["/allocator", "/allocator.json", "/allocator/metrics", "/allocator/health/live", "/allocator/page.css"].freeze

  def rails = @rails ||= SmallRails.new(SmallRails::NAMES.find { |name| SmallRails.new(name).missing.nil? } || "rails_7_2")

  def setup
    skip rails.missing if rails.missing
  end

  def purge(server, headers = KEY)
    server.request(Net::HTTP::Post.new("/allocator/purge", "Content-Type" => "application/json", **headers).tap { |post| post.body = '{"gc":true}' })
  end

  def log_of(configuration = "", env: {"ALLOCSTATS_CHANGE_TOKEN" => TOKEN})
    rails.run("config.log_level = :debug\n#{configuration}", env: env) do |server|
      yield server
      return server.log
    end
  end

  def test_who_reads_leaves_nothing_and_who_changes_a_line
    log = log_of do |server|
      READINGS.each { |path| assert_equal "200", server.get(path, KEY).code, path }
      server.get("/allocators")
      server.get("/purge")
      assert_equal "200", purge(server).code
    end

    assert_equal ['"/allocators"', '"/purge"', '"/allocator/purge"'], log.scan(/Started \w+ (".*?")/).flatten
    assert_match(/^allocstats: purge of this worker, gc, asked for by 127\.0\.0\.1 by ALLOCSTATS_CHANGE_TOKEN: (released|nothing)/, log)
  end

  def test_who_is_refused_is_logged_with_the_reason
    log = log_of { |server| assert_equal %w[401 401], [server.get("/allocator/metrics"), purge(server, {})].map(&:code) }

    assert_match(/^allocstats: GET \/allocator\/metrics of 127\.0\.0\.1 was refused \(401\): it has sent no token\. ALLOCSTATS_TOKEN/, log)
    assert_match(/^allocstats: POST \/allocator\/purge of 127\.0\.0\.1 was refused \(401\)/, log)
    refute_includes log, TOKEN
  end

  # Whatever the application's own level is.
  def test_an_audit_line_is_not_lost_by_a_level
    assert_match(/^allocstats: purge of this worker/, log_of("config.log_level = :fatal") { |server| purge(server) })
  end

  def test_the_level_can_be_chosen
    log = log_of("config.allocstats.log_level = false") { |server| server.get("/allocator/metrics", KEY) }
    assert_includes log, 'Started GET "/allocator/metrics"'
    log = log_of("config.allocstats.log_level = :info") { |server| server.get("/allocator/metrics", KEY) }
    assert_includes log, 'Started GET "/allocator/metrics"'
  end

  def test_in_production_nothing_is_configured_and_the_log_says_what_would_open
    log = log_of(env: {}) { |server| assert_equal "403", server.get("/allocator").code }

    assert_match(/refused \(403\): nothing is configured, and the environment is production\. ALLOCSTATS_TOKEN/, log)
    refute_match(/until the server starts again/, log)
  end

  def test_in_development_the_key_is_in_the_log
    log = log_of(env: {"RAILS_ENV" => "development"}) do |server|
      key = {"Authorization" => "Bearer #{server.log[/starts again: (\h{32})/, 1]}"}
      proxied = {"X-Forwarded-For" => "198.51.100.7"}

      assert_equal "200", server.get("/allocator").code
      refused = server.get("/allocator", proxied)
      assert_equal "401", refused.code
      assert_match(/through a proxy \(X-Forwarded-For\)/, JSON.parse(refused.body)["reason"])
      assert_equal %w[200 200], [server.get("/allocator", {**proxied, **key}), purge(server, {**proxied, **key})].map(&:code)
    end

    assert_equal 1, log.scan("until the server starts again").size
    assert_match(/asked for by 127\.0\.0\.1 \(for 198\.51\.100\.7, as it says\) by the key of this start/, log)
  end
end
