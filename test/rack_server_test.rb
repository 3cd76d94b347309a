# frozen_string_literal: true

require "test_helper"
require "support/puma_server"

# The endpoint on a real Puma.
class RackServerTest < Minitest::Test
  # Tells at /taken how many readings this process has made.
  COUNTING = <<~RUBY
    require "allocstats"
    taken = 0
    endpoint = AllocStats::Rack::Endpoint.new(report: -> { taken += 1; AllocStats.report })
    map("/allocator") { run endpoint }
    map("/taken") { run ->(_) { [200, {"content-type" => "text/plain"}, [taken.to_s]] } }
  RUBY

  def test_a_single_process_tells_of_itself
    PumaServer.run(rackup: COUNTING) do |server|
      answer = server.get("/allocator")
      told = JSON.parse(answer.body, symbolize_names: true)

      assert_equal "200", answer.code
      assert_equal server.pid, told[:process][:pid]
      assert_equal "glibc", told[:allocator][:name]
      assert_resident server.pid, told[:memory][:rss]
    end
  end

  def test_head_and_refusals_over_the_wire
    PumaServer.run(rackup: COUNTING) do |server|
      head = server.request(Net::HTTP::Head.new("/allocator"))

      assert_equal ["200", nil], [head.code, head.body]
      assert_operator head["content-length"].to_i, :>, 1_000
      assert_equal ["405", "GET, HEAD"], server.request(Net::HTTP::Post.new("/allocator")).then { |answer| [answer.code, answer["allow"]] }
      assert_equal "404", server.get("/allocator/else").code
      assert_equal "403", server.get("/allocator", "X-Forwarded-For" => "127.0.0.1").code
      assert_equal "403", server.get("/allocator", "Forwarded" => "for=127.0.0.1").code
    end
  end

  def test_a_burst_of_a_hundred_clients_costs_few_readings
    PumaServer.run(rackup: COUNTING, threads: 16) do |server|
      started = Process.clock_gettime(Process::CLOCK_MONOTONIC)
      answers = server.burst(100, "/allocator")
      seconds = Process.clock_gettime(Process::CLOCK_MONOTONIC) - started
      taken = server.get("/taken").body.to_i

      assert_equal ["200"], answers.map(&:code).uniq
      assert_operator taken, :>=, 1
      assert_operator taken, :<=, seconds.ceil + 1, "one a second at most, in #{seconds.round(2)} s"
    end
  end

  def test_each_worker_of_a_cluster_tells_of_itself
    # The master takes a reading too, before it forks: no worker may answer with it.
    rackup = "#{COUNTING}\nendpoint.call({\"REQUEST_METHOD\" => \"GET\", \"PATH_INFO\" => \"/\", \"REMOTE_ADDR\" => \"127.0.0.1\"})"
    PumaServer.run(rackup: rackup, workers: 2, threads: 2) do |server|
      pids = Array.new(40) { JSON.parse(server.get("/allocator").body).dig("process", "pid") }.uniq
      pids |= server.burst(60, "/allocator").map { |answer| JSON.parse(answer.body).dig("process", "pid") }

      assert_equal children_of(server.pid).sort, pids.sort
      told = JSON.parse(server.get("/allocator").body, symbolize_names: true)
      assert_resident told[:process][:pid], told[:memory][:rss]
    end
  end

  def test_the_middleware_in_front_of_an_application
    rackup = <<~RUBY
      require "allocstats"
      use AllocStats::Rack::Middleware, path: "/malloc"
      run ->(env) { [200, {"content-type" => "text/plain"}, ["theirs"]] }
    RUBY
    PumaServer.run(rackup: rackup) do |server|
      assert_equal "theirs", server.get("/").body
      assert_equal "theirs", server.get("/mallocs").body
      assert_equal server.pid, JSON.parse(server.get("/malloc").body).dig("process", "pid")
      assert_match(/^pid #{server.pid} /, server.get("/malloc/report.txt").body.force_encoding("UTF-8"))
    end
  end

  private

  # What the kernel says of the same process from outside, a moment later.
  def assert_resident(pid, bytes)
    kernel = File.read("/proc/#{pid}/status")[/^VmRSS:\s+(\d+) kB/, 1].to_i * 1024

    assert_in_delta kernel, bytes, kernel * 0.25
  end

  def children_of(pid)
    File.read("/proc/#{pid}/task/#{pid}/children").split.map(&:to_i)
  end
end
