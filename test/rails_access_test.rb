# frozen_string_literal: true

require "test_helper"
require "support/small_rails"

# The doors that an application has of its own, in front of the endpoint: sessions by Warden (which Devise stands on) and
# basic authentication by Rails, through real browsers' headers, in production.
class RailsAccessTest < Minitest::Test
  SAME_ORIGIN = {"Sec-Fetch-Site" => "same-origin"}.freeze

  WARDEN = <<~RUBY
    require "warden"
    Warden::Strategies.add(:name) do
      def valid? = params["name"]
      def authenticate! = success!(params["name"])
    end
    config.session_store :cookie_store, key: "shop"
    config.middleware.use(Warden::Manager) do |manager|
      manager.default_strategies :name
      manager.failure_app = ->(_) { [418, {"content-type" => "text/plain"}, ["who are you?"]] }
    end
    routes.append { get "login", to: ->(env) { [200, {"content-type" => "text/plain"}, [env["warden"].authenticate!]] } }
  RUBY

  USERS = <<~RUBY
    config.allocstats.purge_interval = 0
    config.allocstats.authenticate { |request| %w[reader admin].include?(request.env["warden"].user) }
    config.allocstats.authenticate_changes { |request| request.env["warden"].user == "admin" }
  RUBY

  BASIC = <<~RUBY
    config.allocstats.authenticate do |request|
      ActionController::HttpAuthentication::Basic.authenticate(request) do |name, password|
        ActiveSupport::SecurityUtils.secure_compare(name, "ops") & ActiveSupport::SecurityUtils.secure_compare(password, "s3:cret")
      end
    end
  RUBY

  def rails = @rails ||= SmallRails.new("rails_7_2")

  def setup
    skip rails.missing if rails.missing
  end

  def post(server, path, headers = {})
    server.request(Net::HTTP::Post.new(path, {"Content-Type" => "application/x-www-form-urlencoded"}.merge(headers)).tap { |post| post.body = "gc=false" })
  end

  def cookie_of(server, name)
    answer = server.get("/login?name=#{name}")
    assert_equal name, answer.body
    {"Cookie" => answer["Set-Cookie"][/\A[^;]+/]}
  end

  def basic(name, password) = {"Authorization" => "Basic #{["#{name}:#{password}"].pack("m0")}"}

  def test_sessions_of_warden = assert_sessions(WARDEN)

  def test_sessions_of_warden_as_devise_sets_it_up
    assert_sessions(WARDEN.sub("|manager|\n", "|manager|\nmanager.intercept_401 = false\n"))
  end

  def assert_sessions(warden)
    rails.run(warden + USERS) do |server|
      stranger, visitor, reader, admin = {}, *%w[visitor reader admin].map { |name| cookie_of(server, name) }

      assert_equal %w[418 418 200 200], [stranger, visitor, reader, admin].map { |who| server.get("/allocator", who).code }
      assert_equal %w[418 418 403 200], [stranger, visitor, reader, admin].map { |who| post(server, "/allocator/purge", who.merge(SAME_ORIGIN)).code }
      assert_equal "403", post(server, "/allocator/purge", admin.merge("Sec-Fetch-Site" => "cross-site")).code
      assert_equal "403", post(server, "/allocator/purge", admin.merge("Origin" => "http://elsewhere.test")).code
      assert_equal "200", post(server, "/allocator/purge", admin.merge("Origin" => "http://127.0.0.1:#{server.port}")).code
      assert_equal "200", server.get("/allocator/health").code
    end
  end

  # Where signing in does not help, the browser is asked for the token, and not sent to sign in.
  def test_a_token_beside_warden
    rails.run("#{WARDEN}config.allocstats.token = 'sesame-open-sesame'") do |server|
      assert_equal ["401", "Basic"], server.get("/allocator").then { |answer| [answer.code, answer["WWW-Authenticate"][/\w+/]] }
      assert_equal "200", server.get("/allocator", basic("any", "sesame-open-sesame")).code
      assert_equal "418", server.get("/login").code
    end
  end

  def test_basic_authentication_of_rails
    rails.run(BASIC) do |server|
      assert_equal ["401", "Basic"], server.get("/allocator").then { |answer| [answer.code, answer["WWW-Authenticate"][/\w+/]] }
      assert_equal %w[200 401 401], [basic("ops", "s3:cret"), basic("ops", "s3"), basic("", "")].map { |who| server.get("/allocator", who).code }
      assert_equal "403", post(server, "/allocator/purge", basic("ops", "s3:cret").merge(SAME_ORIGIN)).code
    end
  end

  def test_a_block_that_fails_opens_nothing
    rails.run("config.allocstats.authenticate { |_| raise 'the secret of the database' }") do |server|
      assert_equal ["500", %({"error":"internal error"}\n)], server.get("/allocator").then { |answer| [answer.code, answer.body] }
      assert_equal "200", server.get("/").code
      assert_equal "200", server.get("/allocator/health").code
    end
  end

  def test_tokens_of_the_environment_and_of_the_configuration
    rails.run('config.allocstats.token = "mine-for-this-test"', env: {"ALLOCSTATS_TOKEN" => "theirs-of-this-test", "ALLOCSTATS_CHANGE_TOKEN" => "change-in-this-test"}) do |server|
      codes = %w[mine-for-this-test theirs-of-this-test change-in-this-test].map { |token| server.get("/allocator", "Authorization" => "Bearer #{token}").code }
      assert_equal %w[200 401 200], codes
      assert_equal %w[403 200], %w[mine-for-this-test change-in-this-test].map { |token| post(server, "/allocator/purge", "Authorization" => "Bearer #{token}").code }
      assert_equal "200", server.get("/allocator", basic("any", "mine-for-this-test")).code
      assert_equal "401", server.get("/allocator?token=mine-for-this-test").code
    end
  end

  def test_a_rule_as_before
    rails.run('config.allocstats.allow = ->(env) { env["HTTP_X_KEY"] == "1" }; config.allocstats.path = "/malloc"') do |server|
      assert_equal %w[403 200], [{}, {"X-Key" => "1"}].map { |headers| server.get("/malloc", headers).code }
      assert_equal "caught", server.get("/allocator/else").body
    end
  end

  def test_closed_in_production_and_open_to_this_machine_in_development
    rails.run { |server| assert_equal %w[403 403 200], ["/allocator", "/allocator/report.txt", "/allocator/health"].map { |path| server.get(path).code } }
    rails.run(env: {"RAILS_ENV" => "development"}) do |server|
      assert_equal "200", server.get("/allocator").code
      assert_equal "200", post(server, "/allocator/purge", SAME_ORIGIN).code
      assert_equal "401", server.get("/allocator", "X-Forwarded-For" => "203.0.113.5").code
    end
  end

  def test_is_not_there_when_switched_off
    rails.run("config.allocstats.path = false") { |server| assert_equal "caught", server.get("/allocator/health").body }
  end
end
