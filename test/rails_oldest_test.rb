# frozen_string_literal: true

require "test_helper"
require "support/puma_server"

# The Railtie in the oldest Rails it is made for, on Rack 2.2: a whole application in one config.ru.
class RailsOldestTest < Minitest::Test
  GEMFILE = File.join(PumaServer::ROOT, "gemfiles", "rails_6_1.gemfile")

  APPLICATION = <<~RUBY
    require "bundler/setup"
    require "rails"
    require "action_controller/railtie"
    require "allocstats"
    require "rack/lint"

    class Shop < Rails::Application
      config.load_defaults Rails::VERSION::STRING.to_f
      config.eager_load = true
      config.secret_key_base = "of no use"
      config.logger = Logger.new(nil)
      %s
      routes.append do
        root to: ->(_) { [200, {"Content-Type" => "text/plain"}, [Rails.version, " ", Rack.release]] }
        resources :allocator, only: :index
        get "*rest", to: ->(_) { [200, {"Content-Type" => "text/plain"}, ["caught"]] }
      end
    end
    Rails.application.initialize!
    use Rack::Lint
    run Rails.application
  RUBY

  def setup
    missing = PumaServer.missing(GEMFILE)
    skip missing if missing
  end

  def run_with(configuration, &block)
    PumaServer.run(rackup: format(APPLICATION, configuration), gemfile: GEMFILE, env: {"RAILS_ENV" => "production"}, &block)
  end

  def test_is_mounted_in_front_of_a_catch_all
    run_with("") do |server|
      assert_match(/\A6\.1\.\d+\.\d+ 2\.2/, server.get("/").body)
      assert_equal server.pid, JSON.parse(server.get("/allocator").body).dig("process", "pid")
      assert_equal server.pid, JSON.parse(server.get("/allocator/").body).dig("process", "pid")
      assert_match(/^pid #{server.pid} /, server.get("/allocator/report.txt").body.force_encoding("UTF-8"))
      assert_equal ["200", nil], server.request(Net::HTTP::Head.new("/allocator")).then { |answer| [answer.code, answer.body] }
      assert_equal "403", server.get("/allocator", "X-Forwarded-For" => "127.0.0.1").code
      assert_equal "caught", server.get("/allocators").body
    end
  end

  def test_an_initializer_has_its_say
    run_with('initializer("later", after: :load_config_initializers) { |app| app.config.allocstats.path = "/malloc"; app.config.allocstats.allow = ->(env) { env["HTTP_X_KEY"] == "1" } }') do |server|
      assert_equal "403", server.get("/malloc").code
      assert_equal "200", server.get("/malloc", "X-Key" => "1", "X-Forwarded-For" => "203.0.113.5").code
      assert_equal "caught", server.get("/allocator/else").body
    end
  end

  def test_is_not_there_when_switched_off
    run_with("config.allocstats.path = false") do |server|
      assert_equal "caught", server.get("/allocator/else").body
    end
  end
end
