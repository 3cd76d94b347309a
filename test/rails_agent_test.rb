# frozen_string_literal: true

require "test_helper"
require "support/rails_app"
require "support/small_rails"
require "support/forking_server"
require "support/workers_app"

# Where the agent runs by itself: in what serves requests, and nowhere else.
class RailsAgentTest < Minitest::Test
  include WorkersApp

  def rails = @rails ||= SmallRails.new("rails_7_2")

  def setup
    skip rails.missing if rails.missing
    skip RailsApp.missing if RailsApp.missing
  end

  # What the worker that answers says of all, as soon as there are so many.
  def workers(server, count, key = RailsApp::KEY)
    living(ask(server, "/allocator/workers.json", key) { |answer| living(answer).size == count })
  end

  def test_under_puma
    rails.run { |server| assert_equal "true Puma", server.get("/agent").body }
  end

  def test_a_cluster_that_preloads
    RailsApp.run(env: {"WEB_CONCURRENCY" => "2"}) do |server|
      assert_equal [0, 1], workers(server, 2).map { |worker| worker[:index] }
      refute_match(/warning/i, server.log)
    end
  end

  def test_clusters_without_the_plugin
    ["", "preload_app! false"].each do |config|
      rails.run("config.allocstats.token = '#{RailsApp::TOKEN}'", workers: 2, config: config) do |server|
        assert_equal [0, 1], workers(server, 2).map { |worker| worker[:index] }, config
        assert_equal "true Puma", server.get("/agent").body
        refute_match(/warning/i, server.log)
      end
    end
  end

  # The plugin is there before Rails is; the Gemfile's require still brings the Railtie.
  def test_the_plugin_without_workers_and_rails_server
    RailsApp.run(command: ["bin/rails", "server", "-b", "127.0.0.1"]) do |server|
      assert_equal [[server.pid, true]], workers(server, 1).map { |worker| worker.values_at(:pid, :self) }
      assert_operator JSON.parse(server.get("/allocator/history.json", RailsApp::KEY).body)["points"].size, :>=, 1
      refute_match(/warning/i, server.log)
    end
  end

  def test_the_configuration_decides
    rails.run("config.allocstats.agent = false") { |server| assert_equal "false Puma", server.get("/agent").body }
    rails.run("config.allocstats.agent = true; config.allocstats.interval = 0.5; config.allocstats.token = '#{RailsApp::TOKEN}'") do |server|
      assert_equal [0.5], workers(server, 1).map { |worker| worker[:interval] }
    end
  end

  def test_not_in_runners_and_tasks
    asked = "p [AllocStats.started?, AllocStats::Rails::Server.running]"
    assert_equal "[false, nil]\n", command("runner", asked)
    assert_equal "[false, nil]\n", command("runner", "Rails.application.load_tasks; Rake::Task['environment'].invoke; #{asked}")
  end

  # A server's gem is loaded in every console, by Bundler.require.
  def test_a_server_that_is_only_loaded
    loaded = ChildProcess.ruby(<<~RUBY, bundler: true, require: ["allocstats", "allocstats/rails", "puma", "unicorn", "pitchfork"])
      Puma::Server
      [AllocStats::Rails::Server.running, Puma.autoload?(:Launcher).nil?]
    RUBY
    assert_equal [nil, false], loaded.value
  end

  def test_other_servers
    rackup = <<~RUBY
      require "allocstats/rails"
      running = AllocStats::Rails::Server.running
      run ->(_) { [200, {"content-type" => "text/plain"}, [running.to_s]] }
    RUBY
    {"Unicorn" => :unicorn, "Pitchfork" => :pitchfork}.each do |name, server|
      ForkingServer.run(server, rackup: rackup, workers: 1) { |run| assert_equal name, run.get("/").body }
    end
  end

  # On another platform the application is as it would be without allocstats.
  def test_elsewhere_than_on_linux
    rails.run('config.allocstats.token = "x"', first: 'RbConfig::CONFIG["host_os"] = "darwin23"') do |server|
      assert_equal "200", server.get("/page").code
      assert_equal "caught", server.get("/allocator").body
    end
  end

  private

  def command(*arguments)
    env = PumaServer.environment(RailsApp::GEMFILE).merge("RAILS_ENV" => "production")
    ChildProcess.command("bundle", "exec", "bin/rails", *arguments, env: env, chdir: RailsApp::FOLDER).stdout
  end
end
