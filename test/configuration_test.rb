# frozen_string_literal: true

require "test_helper"

# What is said of allocstats by whom; test/rails_configuration_test.rb has each option's values.
class ConfigurationTest < Minitest::Test
  def child(code, **options) = ChildProcess.ruby(code, **options)

  def test_one_for_all
    value = child(<<~RUBY).value
      AllocStats.configure { |config| config.interval = 0.5; config.token = "x" * 16 }
      AllocStats.start
      config = AllocStats.configuration
      [config.interval, config[:interval], AllocStats.history.interval, config.endpoint_options.keys, config.path, config.inspect.include?("xxxx")]
    RUBY
    assert_equal [0.5, 0.5, 0.5, ["token"], "/allocator", false], value
  end

  def test_what_start_is_told_holds
    assert_equal [0.25, 0.25], child("AllocStats.configure { |config| config.interval = 0.5 }; AllocStats.start(interval: 0.25); first = AllocStats.history.interval; AllocStats.start; [first, AllocStats.history.interval]").value
  end

  def test_unknown_and_unfit_are_refused_by_name_and_nothing_is_changed
    unknown, unfit, interval, path = child(<<~RUBY).value
      said = lambda do |&block|
        AllocStats.configure(&block)
      rescue AllocStats::Error => error
        [error.class.name, error.message]
      end
      unknown = said.call { |config| config.interval = 5; config.intervall = 6 }
      unfit = said.call { |config| config.path = "/x"; config.interval = 0 }
      [unknown, unfit, AllocStats.configuration.interval, AllocStats.configuration.path]
    RUBY
    assert_equal ["AllocStats::UnknownName", %(no option of AllocStats.configure in -e is named "intervall"; did you mean interval?)], unknown
    assert_equal "AllocStats::InvalidValue", unfit[0]
    assert_match(/\AAllocStats\.configure in -e\.interval takes a number of seconds from 0\.05 to 3600, and not 0\z/, unfit[1])
    assert_equal [10, "/allocator"], [interval, path]
  end

  def test_two_at_odds_are_told
    result = child(<<~RUBY)
      AllocStats.configure { |config| config.interval = 5; config.metrics = false; config.token = "a" * 16 }
      rails = AllocStats.configuration.source("config.allocstats")
      rails.interval = 5
      rails.interval = 7
      rails.interval = 8
      rails.metrics = false
      rails.token = "b" * 16
      AllocStats.configuration.interval
    RUBY
    assert_equal 8, result.value
    assert_equal [
      "allocstats: interval was set to 5 by AllocStats.configure in -e and now to 7 by config.allocstats, which holds",
      "allocstats: token was set to one value by AllocStats.configure in -e and now to another one by config.allocstats, which holds"
    ], result.stderr.lines(chomp: true)
  end

  def test_the_endpoint_is_built_of_it
    before, after, own = child(<<~RUBY).value
      status = lambda do |token, **options|
        AllocStats::Rack::Endpoint.new(environment: "production", announce: false, **options)
          .call({"REQUEST_METHOD" => "GET", "PATH_INFO" => "/", "REMOTE_ADDR" => "203.0.113.5", "HTTP_AUTHORIZATION" => "Bearer \#{token}", "rack.errors" => $stderr})[0]
      end
      $stderr.reopen(File::NULL)
      before = status.call("a" * 16)
      AllocStats.configure { |config| config.token = "a" * 16 }
      [before, status.call("a" * 16), status.call("a" * 16, token: "b" * 16)]
    RUBY
    assert_equal [200], [after]
    refute_equal 200, before
    refute_equal 200, own
  end

  def test_without_a_block
    assert_raises(AllocStats::InvalidValue) { AllocStats.configure }
    assert_raises(AllocStats::UnknownName) { AllocStats.configuration[:intervall] }
  end
end
