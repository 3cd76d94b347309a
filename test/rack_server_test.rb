# frozen_string_literal: true

require "test_helper"
require "socket"
require "support/puma_server"
require "support/under_each"

# The endpoint on a real Puma, which says "development" in RACK_ENV unless it is told otherwise.
class RackServerTest < Minitest::Test
  # Tells at /taken how many readings this process has made.
  COUNTING = <<~RUBY
    require "allocstats"
    taken = 0
    endpoint = AllocStats::Rack::Endpoint.new(snapshot: -> { taken += 1; AllocStats::Rack::Snapshot.new }, environment: ENV.fetch("RACK_ENV"))
    map("/allocator") { run endpoint }
    map("/taken") { run ->(_) { [200, {"content-type" => "text/plain"}, [taken.to_s]] } }
  RUBY

  TWO = <<~RUBY
    require "allocstats"
    require "rack/lint"
    use Rack::Lint
    use AllocStats::Rack::Middleware, path: "/odd ~(path)+%41/g'r&s/é", environment: "test"
    use AllocStats::Rack::Middleware, path: "/closed", environment: "production", token: "sesame-open-sesame"
    run ->(env) { [200, {"content-type" => "text/plain"}, ["theirs"]] }
  RUBY

  def test_a_single_process_tells_of_itself
    PumaServer.run(rackup: COUNTING) do |server|
      answer = server.get("/allocator")
      told = JSON.parse(answer.body, symbolize_names: true)

      assert_equal "200", answer.code
      assert_equal server.pid, told[:process][:pid]
      assert_match(/\A\d+\.\d+/, told[:puma])
      assert_equal "glibc", told[:allocator][:name]
    end
  end

  def test_head_and_refusals_over_the_wire
    PumaServer.run(rackup: COUNTING) do |server|
      head = server.request(Net::HTTP::Head.new("/allocator"))

      assert_equal ["200", nil], [head.code, head.body]
      assert_operator head["content-length"].to_i, :>, 1_000
      assert_equal ["405", "GET, HEAD"], server.request(Net::HTTP::Post.new("/allocator", "Content-Type" => "application/json")).then { |answer| [answer.code, answer["allow"]] }
      assert_equal "404", server.get("/allocator/else").code
      assert_equal "401", server.get("/allocator", "X-Forwarded-For" => "127.0.0.1").code
      assert_equal "401", server.get("/allocator", "X_Forwarded_For" => "127.0.0.1").code
      assert_equal "401", server.get("/allocator", "Forwarded" => "for=127.0.0.1").code
      assert_equal "401", server.get("/allocator", "Host" => "evil.example").code
    end
  end

  # What servers make of odd requests before the endpoint sees them.
  def test_requests_that_no_client_library_writes
    PumaServer.run(rackup: COUNTING, env: {"ALLOCSTATS_TOKEN" => "sesame-open-sesame"}) do |server|
      {
        ["GET /allocator HTTP/1.1", "Authorization: Bearer sesame-open-sesame"] => "200",
        ["GET /allocator HTTP/1.0", "Authorization: Bearer sesame-open-sesame"] => "200",
        ["GET /allocator HTTP/1.1", "Authorization: Bearer no", "Authorization: Bearer sesame-open-sesame"] => "401",
        ["GET /allocator HTTP/1.1", "Authorization: Bearer sesame-open-sesame", "Authorization: Bearer no"] => "401",
        ["GET http://127.0.0.1/allocator?token=sesame-open-sesame HTTP/1.1"] => "401",
        ["POST /allocator/purge HTTP/1.1", "Authorization: Bearer sesame-open-sesame", "Content-Length: 0"] => "403",
        ["POST /allocator/health HTTP/1.1", "X-HTTP-Method-Override: GET", "Content-Length: 0"] => "405"
      }.each do |lines, code|
        assert_equal code, raw(server, *lines)[%r{\AHTTP/1\.\d (\d+)}, 1], lines.inspect
      end
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

  def test_a_hundred_clients_that_read_and_change_at_once
    PumaServer.run(rackup: COUNTING, threads: 16) do |server|
      requests = Array.new(100) { |i| (i % 3 == 0) ? Net::HTTP::Post.new("/allocator/purge", "Content-Type" => "application/json") : Net::HTTP::Get.new("/allocator/report.txt") }
      gate = Queue.new
      threads = requests.map { |request| Thread.new { gate.pop && server.request(request) } }
      requests.size.times { gate << :go }

      answers = requests.zip(threads.map(&:value))
      changed, read = answers.partition { |request, _| request.is_a?(Net::HTTP::Post) }.map { |pairs| pairs.map(&:last) }

      assert_equal ["200"], read.map(&:code).uniq
      assert_empty changed.map(&:code).uniq - ["200", "429"]
      assert_includes changed.map(&:code), "200"
      changed.each { |answer| assert_equal answer.code == "429", answer["retry-after"].to_i.positive? }
    end
  end

  # They ask, and take nothing of what they get.
  def test_slow_readers_keep_nobody_waiting
    PumaServer.run(rackup: COUNTING, threads: 2) do |server|
      slow = Array.new(8) do
        TCPSocket.new("127.0.0.1", server.port).tap { |socket| socket.write("GET /allocator HTTP/1.1\r\nHost: localhost\r\n\r\n") }
      end

      assert_equal ["200"], server.burst(10, "/allocator").map(&:code).uniq
      slow.each { |socket| assert_equal "HTTP/1.1 200 OK", socket.gets.chomp }
    ensure
      slow&.each(&:close)
    end
  end

  def test_each_worker_of_a_cluster_tells_of_itself
    # The master takes a reading too, before it forks: no worker may answer with it.
    rackup = "#{COUNTING}\nendpoint.call({\"REQUEST_METHOD\" => \"GET\", \"PATH_INFO\" => \"/\", \"REMOTE_ADDR\" => \"127.0.0.1\"})"
    PumaServer.run(rackup: rackup, workers: 2, threads: 2) do |server|
      pids = Array.new(40) { JSON.parse(server.get("/allocator").body).dig("process", "pid") }.uniq
      pids |= server.burst(60, "/allocator").map { |answer| JSON.parse(answer.body).dig("process", "pid") }

      assert_equal server.children.sort, pids.sort
    end
  end

  def test_two_mounts_one_of_them_at_an_odd_path
    PumaServer.run(rackup: TWO) do |server|
      odd = "/odd%20~(path)+%41/g'r&s/%C3%A9"

      ["", "/", ".json", "/report.json", "/health"].each { |below| assert_equal "200", server.get("#{odd}#{below}").code, below }
      assert_equal server.pid, JSON.parse(server.get("#{odd}.json").body).dig("process", "pid")
      assert_includes server.get(odd, "Accept" => "text/html").body, %(href="#{odd.gsub("&", "&amp;").gsub("'", "&#39;")}/page.css")
      assert_equal ["404", "401", "200"], [server.get("#{odd}/else"), server.get("/closed"), server.get("/closed/health")].map(&:code)
      assert_equal "200", server.get("/closed", "Authorization" => "Bearer sesame-open-sesame").code
      ["/", "/odd", "/oddly", "/closedly", "/odd%20~(path)+A/g'r&s/%C3%A9", "/closed%2fhealth", "/%63losed"].each { |path| assert_equal "theirs", server.get(path).body, path }
    end
  end

  # Stopped, it is there and says nothing; the others say so of it.
  def test_a_worker_that_stops_reporting_is_told_of
    rackup = <<~RUBY
      require "allocstats"
      AllocStats::Agent.prepare(interval: 0.1)
      run AllocStats::Rack::Endpoint.new(environment: "test", cache_seconds: 0, health: {workers: {warn: {seconds: 0}, fail: {count: 2, seconds: 0}}})
    RUBY
    PumaServer.run(rackup: rackup, workers: 2, threads: 2) do |server|
      healths = -> { JSON.parse(server.get("/health").body, symbolize_names: true).then { |told| [told[:status], told[:checks][:"workers:reporting"][0]] } }
      soon { healths.call.then { |status, check| status == "pass" && check[:observedValue] == 2 } }
      stopped = server.children.last
      Process.kill(:STOP, stopped)
      said = nil
      soon { (said = healths.call)[0] == "warn" }

      assert_match(/\AOf 2, \d \(pid #{stopped}, silent for \d+ s\) no longer report; at least 1\.\z/, said[1][:output])
      assert_equal 1, said[1][:observedValue]
      Process.kill(:CONT, stopped)
      soon { healths.call[0] == "pass" }
    end
  end

  def test_production_answers_strangers_with_the_bare_health
    PumaServer.run(rackup: COUNTING, env: {"RACK_ENV" => "production"}) do |server|
      assert_equal ["403", %({"error":"forbidden"}\n)], server.get("/allocator").then { |answer| [answer.code, answer.body] }
      assert_equal ["200", {"status" => "pass"}], server.get("/allocator/health").then { |answer| [answer.code, JSON.parse(answer.body)] }
    end
  end

  private

  def soon(seconds: 30)
    deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + seconds
    sleep 0.05 until (came = yield) || Process.clock_gettime(Process::CLOCK_MONOTONIC) > deadline

    assert came, "not within #{seconds} s"
  end

  # The first line and headers of the answer to these very lines.
  def raw(server, *lines)
    socket = TCPSocket.new("127.0.0.1", server.port)
    socket.write([*lines, "Host: localhost", "Connection: close", "", ""].join("\r\n"))
    socket.wait_readable(20)
    socket.readpartial(10_000)
  ensure
    socket&.close
  end
end

# Every answer through a real Puma, single and as a cluster, under one allocator.
module RackUnderPumaTests
  RACKUP = <<~RUBY
    require "allocstats"
    run AllocStats::Rack::Endpoint.new(environment: "test", purge_interval: 0, cache_seconds: 0, health: {expect: ENV.fetch("EXPECTED"), workers: {warn: {count: 1, seconds: 0}}})
  RUBY
  JSON_PATHS = ["/", "/report.json", "/history.json", "/workers.json", "/census.json", "/settings.json"].freeze
  HEALTH_PATHS = ["/health", "/health/ready", "/health/live"].freeze

  def with_puma(expected: self.class::ENTRY.name, **options, &block)
    entry = self.class::ENTRY
    skip entry.missing if entry.missing
    PumaServer.run(rackup: RACKUP, allocator: entry, config: "plugin :allocstats", env: {"EXPECTED" => expected.to_s}, **options, &block)
  end

  def told(server, path = "/") = JSON.parse(server.get(path).body, symbolize_names: true)

  def test_every_answer_of_a_single_process
    with_puma do |server|
      assert_all_answer server
      assert_equal [server.pid], told(server, "/workers.json")[:workers].map { |worker| worker[:pid] }
      assert_purges server, {}, ->(answer) { ["released", "nothing"].include?(answer[:outcome]) && answer[:before][:rss] }
    end
  end

  def test_every_answer_of_a_cluster
    with_puma(workers: 2) do |server|
      soon("both workers are known to each other") { told(server, "/workers.json")[:workers].size == 2 }
      pids = workers_of(server)
      assert_all_answer server
      assert_purges server, {workers: "all"}, ->(answer) { answer[:answers].map { |each| each[:pid] }.sort == pids && answer[:complete] }
    end
  end

  def test_another_allocator_than_the_expected_one_is_unavailable
    expected = (self.class::ENTRY.name == :jemalloc) ? :glibc : :jemalloc
    with_puma(expected: expected) do |server|
      assert_equal ["503", "503", "200"], HEALTH_PATHS.map { |path| server.get(path).code }
      assert_equal "fail", told(server, "/health")[:checks].fetch(:"allocator:owner").first[:status]
    end
  end

  # A client whose worker is killed gets nothing; all others get an answer, and soon there is a new worker.
  def test_workers_killed_while_others_answer
    with_puma(workers: 3) do |server|
      soon("all workers are known") { told(server, "/workers.json")[:workers].size == 3 }
      before = workers_of(server)
      stop = false
      askers = Array.new(4) { Thread.new { ask_until(server) { stop } } }
      before.first(2).each { |pid| Process.kill(:KILL, pid) }
      soon("two new workers are known") do
        now = workers_of(server)
        now.size == 3 && (now & before) == before.last(1) && told(server, "/workers.json")[:workers].select { |worker| worker[:alive] }.map { |worker| worker[:pid] }.sort == now
      end
      stop = true
      codes = askers.flat_map(&:value)

      assert_equal ["200"], codes.compact.uniq
      assert_operator codes.compact.size, :>, codes.size / 2
      soon("all is well again") { told(server, "/health")[:status] == "pass" }
    end
  end

  UnderEach.of(self, :glibc, "jemalloc-5.3.0", "mimalloc-3.6.0")

  private

  def assert_all_answer(server)
    entry = self.class::ENTRY
    JSON_PATHS.each { |path| assert_json server.get(path), "application/json; charset=utf-8" }
    HEALTH_PATHS.each { |path| assert_json server.get(path), "application/health+json" }
    assert_equal "pass", told(server, "/health")[:status], told(server, "/health").inspect
    told = told(server)

    assert_equal [entry.name.to_s, entry.version, "sole"], told[:allocator].values_at(:name, :version, :verdict)
    assert_equal [entry.path], [told[:ld_preload]] # nil without one
    assert_empty told[:absent]
    assert_resident told[:pid], told[:sample][:rss]
    assert_includes server.get("/", "Accept" => "text/html").body, entry.version
    assert_match(/^process_resident_memory_bytes/, server.get("/metrics").body)
    assert server.get("/report.txt").body.start_with?(entry.name.to_s)
  end

  def assert_json(answer, type)
    assert_equal ["200", type, "no-store"], [answer.code, answer["content-type"], answer["cache-control"]]
    assert_kind_of Hash, JSON.parse(answer.body)
  end

  def assert_purges(server, options, fits)
    request = Net::HTTP::Post.new("/purge", "Content-Type" => "application/json")
    request.body = JSON.generate({gc: true, **options})
    answer = server.request(request)

    assert_equal "200", answer.code
    assert fits.call(JSON.parse(answer.body, symbolize_names: true)), answer.body
  end

  # What the kernel says of the same process from outside, a moment later.
  def assert_resident(pid, bytes)
    kernel = File.read("/proc/#{pid}/status")[/^VmRSS:\s+(\d+) kB/, 1].to_i * 1024

    assert_in_delta kernel, bytes, kernel * 0.25
  end

  # The codes that a client gets, nil for a worker that ended under it.
  def ask_until(server)
    codes = []
    codes << code_of(server, JSON_PATHS[codes.size % JSON_PATHS.size]) until yield
    codes
  end

  def code_of(server, path)
    server.get(path).code
  rescue SystemCallError, EOFError, Net::ReadTimeout
    nil
  end

  def workers_of(server) = server.children.sort

  def soon(what, seconds: 40)
    deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + seconds
    until yield
      flunk "not within #{seconds} s: #{what}" if Process.clock_gettime(Process::CLOCK_MONOTONIC) > deadline
      sleep 0.1
    end
  end
end
