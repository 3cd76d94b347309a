# frozen_string_literal: true

require "test_helper"
require "allocstats/rails"

# What an application may say of allocstats. That Rails tells what does not fit at boot, the tests of real applications
# show.
class RailsConfigurationTest < Minitest::Test
  Configuration = AllocStats::Configuration

  INITIALIZER = File.read(File.join(ChildProcess::LIB, "generators/allocstats/install/templates/allocstats.rb"))

  def setup
    @options = Configuration.new.source("config.allocstats")
  end

  def refusal(error, &block)
    assert_raises(error, &block).message.tap { |message| refute_includes message, "\n" }
  end

  def test_is_as_it_is_when_nobody_says_anything
    assert_equal ["/allocator", 10, true, nil, nil], [@options.path, @options.interval, @options.log, @options.agent, @options.server_timing]
    assert_equal({environment: "production"}, @options.endpoint_options("production"))
  end

  def test_blocks_are_rules
    @options.authenticate { |request| request == 1 }
    @options.authenticate_changes { |request| request == 2 }

    assert_equal [true, true], [@options.authenticate.call(1), @options.authenticate_changes.call(2)]
    assert_equal [@options.authenticate, @options.authenticate_changes], @options.endpoint_options("test").values_at(:authenticate, :authenticate_changes)
  end

  def test_the_endpoint_gets_what_was_set
    @options.token = "sesame"
    @options.cache_seconds = 0
    @options.interval = 30
    @options.health = {expect: "jemalloc"}

    assert_equal({environment: "production", token: "sesame", cache_seconds: 0, health: {expect: "jemalloc"}}, @options.endpoint_options("production"))
  end

  def test_an_unknown_option
    assert_equal "no option of config.allocstats is named \"paht\"; did you mean path?", refusal(AllocStats::UnknownName) { @options.paht = "/x" }
    assert_equal "no option of config.allocstats is named \"change_tokn\"; did you mean change_token?", refusal(AllocStats::UnknownName) { @options.change_tokn }
    assert_match(/\Ano option of config.allocstats is named "x+\z/, refusal(AllocStats::UnknownName) { @options.public_send(:"#{"x" * 200}=", 1) })
    refute_respond_to @options, :paht
  end

  def test_values_that_do_not_fit
    {
      path: ["allocator", "/", "", "/a b", "/a/", "//a", "/a?b", "/a#b", "/(a)", "/:a", "/*a", "/größe", "/a\n", "/a\n/b", nil, true, 1, [], Object.new],
      interval: [0, -1, 0.04, 3601, Float::NAN, Float::INFINITY, "10", "often", nil, true, [10]],
      agent: ["yes", 1, :on],
      log: [nil, "no", 0],
      metrics: [nil, "no", 0],
      server_timing: ["on", 1]
    }.each do |name, values|
      before = @options.public_send(name)
      values.each do |value|
        message = refusal(AllocStats::InvalidValue) { @options.public_send(:"#{name}=", value) }
        assert_match(/\Aconfig\.allocstats\.#{name} takes .+, and not /, message)
      end
      before.nil? ? assert_nil(@options.public_send(name)) : assert_equal(before, @options.public_send(name))
    end
  end

  def test_values_that_fit
    {path: ["/a", "/internal/allocator", "/a.b/~c_d-1", false], interval: [0.05, 1, 3600, 0.5r], agent: [true, false, nil],
     log: [true, false], metrics: [true, false], server_timing: [true, false, nil]}.each do |name, values|
      values.each do |value|
        @options.public_send(:"#{name}=", value)
        value.nil? ? assert_nil(@options.public_send(name)) : assert_equal(value, @options.public_send(name))
      end
    end
  end

  def test_shows_no_secrets
    @options.token = "sesame"

    refute_includes @options.inspect, "sesame"
    assert_includes @options.inspect, "token"
  end

  def test_the_generated_initializer_has_every_option_and_sets_none
    Configuration::OPTIONS.each_key { |name| assert_match(/^  # config\.allocstats\.#{name}\b/, INITIALIZER) }
    assert_empty INITIALIZER.lines.grep(/^ *[^# \n]/).map(&:strip) - ["Rails.application.configure do", "end"]
  end

  # Whoever takes the # away gets what the line says, and what was there anyway is what was there.
  def test_each_line_of_the_generated_initializer_holds
    lines = INITIALIZER.scan(/^  # (config\.allocstats\..+)$/).flatten
    config = Struct.new(:allocstats).new(@options)
    lines.each { |line| eval(line, binding, __FILE__, __LINE__) } # standard:disable Security/Eval

    assert_same @options, config.allocstats
    assert_equal Configuration::OPTIONS.length, lines.length
    defaults = Configuration.new
    [:path, :interval, :log, :metrics, :agent, :server_timing].each do |name|
      defaults.public_send(name).nil? ? assert_nil(@options.public_send(name)) : assert_equal(defaults.public_send(name), @options.public_send(name))
    end
    assert_kind_of AllocStats::Rack::Endpoint, AllocStats::Rack::Endpoint.new(**@options.endpoint_options("production").merge(change_token: "x" * 16, token: "y" * 16))
  end

  def test_nothing_of_it_is_there_without_rails
    loaded = ChildProcess.ruby("AllocStats.report; $LOADED_FEATURES.grep(%r{allocstats/(rails|railtie)|active_support|/rails})").value

    assert_empty loaded
  end
end
