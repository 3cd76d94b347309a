# frozen_string_literal: true

require "test_helper"
require "support/puma_server"

# The page of a worker that was chosen, whichever of a real cluster answers.
class RackPeerTest < Minitest::Test
  RACKUP = <<~RUBY
    require "allocstats"
    AllocStats.start(interval: 0.2)
    endpoint = AllocStats::Rack::Endpoint.new(environment: "test", cache_seconds: 0)
    run ->(env) { endpoint.call(env).tap { |_, headers, _| headers["x-answered-by"] = Process.pid.to_s } }
  RUBY

  def setup
    skip AllocStats::Stub::MESSAGE unless AllocStats.supported?
  end

  def cluster
    PumaServer.run(rackup: RACKUP, workers: 2, threads: 2) do |server|
      rows = patiently("two workers with figures") { rows(server).then { |found| found if found.size == 2 && found.all? { |row| row["figures"]["pss"] } } }
      yield server, rows.to_h { |row| [row["index"], row["pid"]] }
    end
  end

  def rows(server) = JSON.parse(server.get("/workers.json").body)["workers"]

  def patiently(what, seconds = 20)
    deadline = AllocStats::Clock.now + seconds
    loop do
      found = yield and return found
      flunk "within #{seconds} s there was not #{what}" if AllocStats::Clock.now > deadline
      sleep 0.1
    end
  end

  def shown(server, index) = server.get("/?worker=#{index}", "Accept" => "text/html")

  def test_the_other_one_is_shown_with_its_own_ledger
    cluster do |server, pids|
      pids.each do |index, pid|
        answer = patiently("an answer of another worker than #{index}") { shown(server, index).then { |each| each if each["x-answered-by"] != pid.to_s } }

        assert_equal "200", answer.code, server.log
        assert_includes answer.body, %(>of worker #{index}, pid #{pid}</span>)
        assert_includes answer.body, %(data-pid="#{pid}")
        refute_includes answer.body, "seen from outside"
      end
    end
  end

  def test_one_that_is_stopped_is_seen_from_outside
    cluster do |server, pids|
      Process.kill(:STOP, pids[1])
      answer = patiently("an answer of the other") { shown(server, 1) }

      assert_equal "200", answer.code, server.log
      assert_includes answer.body, %(>of worker 1, pid #{pids[1]}</span>)
      assert_includes answer.body, "seen from outside"
    ensure
      Process.kill(:CONT, pids[1])
    end
  end
end
