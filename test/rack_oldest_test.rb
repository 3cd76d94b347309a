# frozen_string_literal: true

require "test_helper"
require "support/puma_server"

# The tests of the endpoint once more, in a process with the oldest Rack that it is made for.
class RackOldestTest < Minitest::Test
  GEMFILE = File.join(PumaServer::ROOT, "gemfiles", "rails_6_1.gemfile")
  FILES = ["rack_endpoint_test", "rack_access_test", "rack_change_test", "rack_middleware_test"].freeze

  def test_all_of_it_with_rack_2_2
    missing = PumaServer.missing(GEMFILE)
    skip missing if missing
    code = 'require "rack"; abort(Rack.release) unless Rack.release.start_with?("2.2."); ARGV.each { |file| require file }; ARGV.clear'
    command = ["bundle", "exec", "ruby", "-W0", "-Itest", "-Ilib", "-e", code, *FILES]
    result = ChildProcess.command(*command, env: PumaServer.environment(GEMFILE), chdir: PumaServer::ROOT, timeout: 120, check: false)

    assert_predicate result, :success?, result.stdout + result.stderr
    runs, failures, errors, skips = result.stdout[/\d+ runs, .*/].scan(/\d+/).values_at(0, 2, 3, 4).map(&:to_i)
    assert_operator runs, :>, 60
    assert_equal [0, 0], [failures, errors]
    assert_operator skips, :<, runs / 4
  end
end
