# frozen_string_literal: true

require "test_helper"
require "support/canned_server"

# What `doctor --url`, `top --url` and `bench app` ask an endpoint with: against sockets that answer what the test says,
# and, in the tests of those commands, against a real Puma.
class CommandRemoteTest < Minitest::Test
  Remote = AllocStats::Command::Remote

  VARIABLES = %w[ALLOCSTATS_TOKEN ALLOCSTATS_CHANGE_TOKEN].freeze

  def setup
    @tokens = VARIABLES.to_h { |name| [name, ENV.delete(name)] }
  end

  def teardown
    ENV.update(@tokens)
  end

  def http(...) = CannedServer.http(...)

  # The Failure that asking this server ends with.
  def failure(answer, **options)
    CannedServer.open(answer) do |server|
      failure = assert_raises(AllocStats::Command::Failure) { Remote.new("http://#{server.address}/allocator", **options).get("report.json") }
      assert_includes failure.message, server.address
      refute_includes failure.message, "\n"
      failure
    end
  end

  def test_a_resource_below_the_mount
    ["/allocator", "/allocator/", "/allocator.json", "/allocator?a=b#c"].each do |path|
      CannedServer.open(http('{"allocator":{"name":"glibc"}}')) do |server|
        answer = Remote.new("http://#{server.address}#{path}").get("report.json")
        assert_equal "glibc", answer[:allocator][:name]
        assert_equal "GET /allocator/report.json HTTP/1.1", server.requests.first.first
      end
    end
  end

  def test_an_endpoint_at_the_root
    CannedServer.open(http("{}")) do |server|
      assert_equal({}, Remote.new("http://#{server.address}").get("workers.json"))
      assert_equal "GET /workers.json HTTP/1.1", server.requests.first.first
    end
  end

  def test_the_token_goes_in_a_header
    given = {
      "that of the option" => ->(address) { Remote.new("http://#{address}/", token: "s3 cret") },
      "that of the environment" => lambda do |address|
        ENV["ALLOCSTATS_TOKEN"] = "s3 cret"
        Remote.new("http://#{address}/")
      end,
      "the password" => ->(address) { Remote.new("http://any:s3%20cret@#{address}/") }
    }
    given.each do |name, build|
      CannedServer.open(http("{}")) do |server|
        remote = build.call(server.address)
        remote.get("report.json")
        assert_includes server.requests.first, "Authorization: Bearer s3 cret", name
        refute_includes server.requests.first.first, "cret"
        refute_includes remote.address, "cret"
      end
      ENV.delete("ALLOCSTATS_TOKEN")
    end
  end

  def test_without_a_token_none_is_sent
    CannedServer.open(http("{}")) do |server|
      Remote.new("http://#{server.address}/").get("report.json")
      assert_empty server.requests.first.grep(/\Aauthorization/i)
    end
  end

  def test_a_change_has_its_own_token
    ENV["ALLOCSTATS_TOKEN"] = "reads"
    ENV["ALLOCSTATS_CHANGE_TOKEN"] = "changes"
    CannedServer.open(http('{"released":1}')) do |server|
      remote = Remote.new("http://#{server.address}/allocator")
      assert_equal({released: 1}, remote.post("purge", workers: "all"))
      remote.get("report.json")
      change, reading = server.requests
      assert_equal "POST /allocator/purge HTTP/1.1", change.first
      assert_includes change, "Authorization: Bearer changes"
      assert_includes change, "Content-Type: application/json"
      assert_includes reading, "Authorization: Bearer reads"
    end
  end

  def test_a_text
    CannedServer.open(http("caf\u00e9\xFF")) do |server|
      assert_equal "caf\u00e9\ufffd", Remote.new("http://#{server.address}").text("report.txt")
    end
  end

  def test_what_is_no_address
    ["", "allocator", "localhost:3000", "ftp://host/", "http://", "http:///allocator", "http://a b/", "file:///etc/passwd", nil, "http://[::1"].each do |url|
      failure = assert_raises(AllocStats::Command::Failure, url.inspect) { Remote.new(url) }
      assert_equal AllocStats::Command::USAGE, failure.status
      assert_match(/is no address of an endpoint/, failure.message)
    end
  end

  def test_nobody_listens
    port = TCPServer.open("127.0.0.1", 0) { |server| server.addr[1] }
    failure = assert_raises(AllocStats::Command::Failure) { Remote.new("http://127.0.0.1:#{port}/allocator").get("report.json") }
    assert_equal AllocStats::Command::UNAVAILABLE, failure.status
    assert_match(%r{\Ahttp://127\.0\.0\.1:#{port}/allocator cannot be reached: .*refused}, failure.message)
  end

  def test_no_leave
    ["401 Unauthorized", "403 Forbidden"].each do |status|
      failure = failure(http("{}", status: status))
      assert_equal AllocStats::Command::NOT_PERMITTED, failure.status
      assert_match(/set ALLOCSTATS_TOKEN to the token/, failure.message)
      assert_match(/holds a token that does not open it/, failure(http("{}", status: status), token: "wrong").message)
    end
  end

  def test_no_endpoint
    failure = failure(http("{}", status: "404 Not Found"))
    assert_equal AllocStats::Command::NOT_FOUND, failure.status
  end

  def test_sent_elsewhere
    failure = failure(http("", status: "302 Found", headers: "Location: https://elsewhere.test/\e[31m\r\n"), token: "secret")
    assert_equal AllocStats::Command::UNAVAILABLE, failure.status
    assert_match(%r{sends elsewhere: https://elsewhere\.test/\?\[31m}, failure.message)
  end

  def test_other_answers
    {
      http("{}", status: "500 Internal Server Error") => /answers 500/,
      http("<html>") => /not JSON/,
      http("[1]") => /not of allocstats/,
      http("[" * 200) => /not JSON/,
      http("\xFF\xFE") => /not JSON/,
      "SSH-2.0-OpenSSH\r\n" => /cannot be reached/,
      "" => /cannot be reached/,
      "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{" => /cannot be reached|not JSON/
    }.each do |answer, sentence|
      failure = failure(answer)
      assert_equal AllocStats::Command::UNAVAILABLE, failure.status
      assert_match sentence, failure.message
    end
  end

  def test_an_answer_without_an_end
    chunk = "10000\r\n#{" " * 0x10000}\r\n"
    endless = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n#{chunk * (Remote::LARGEST / 0x10000 + 2)}"
    assert_match(/without an end/, failure(endless).message)
  end

  # Servers that take their time, each in its own way; what the block writes is what they answer.
  DRIBBLING = {
    "nothing" => ->(_) { sleep },
    "a status line without an end" => ->(client) { client.write("HTTP/1.1 200 ") && loop { client.write("O") && sleep(0.02) } },
    "headers without an end" => ->(client) { client.write("HTTP/1.1 200 OK\r\n") && loop { client.write("X-A: b\r\n") && sleep(0.02) } },
    "a body, byte by byte" => ->(client) { client.write("HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n") && loop { client.write(" ") && sleep(0.02) } },
    "chunks, one by one" => ->(client) { client.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n") && loop { client.write("1\r\n \r\n") && sleep(0.02) } },
    "go on, again and again" => ->(client) { loop { client.write("HTTP/1.1 100 Continue\r\n\r\n") && sleep(0.02) } }
  }.freeze

  def answering(answer)
    server = TCPServer.new("127.0.0.1", 0)
    thread = Thread.new do
      loop { Thread.new(server.accept) { |client| answer.call(client.tap(&:gets)) rescue nil } } # standard:disable Style/RescueModifier
    end
    yield "http://127.0.0.1:#{server.addr[1]}/allocator"
  ensure
    thread.kill
    server.close
  end

  def test_a_server_that_dribbles_is_left_when_its_time_is_over
    DRIBBLING.each do |name, answer|
      answering(answer) do |url|
        started = Process.clock_gettime(Process::CLOCK_MONOTONIC)
        failure = assert_raises(AllocStats::Command::Failure, name) { Remote.new(url, seconds: 0.6).get("report.json") }

        assert_in_delta 0.6, Process.clock_gettime(Process::CLOCK_MONOTONIC) - started, 0.5, name
        assert_match(/has not answered within 0\.6 s/, failure.message, name)
      end
    end
  end

  def test_headers_that_flood_are_read_no_further
    ["X-A: #{"b" * 1000}\r\n", "b" * 1000].each do |part|
      sent = 0
      answering(->(client) { client.write("HTTP/1.1 200 OK\r\n") && loop { sent += client.write(part) } }) do |url|
        failure = assert_raises(AllocStats::Command::Failure) { Remote.new(url, seconds: 10).get("report.json") }

        assert_match(/answers without an end/, failure.message)
        assert_operator sent, :<, 32 << 20
      end
    end
  end

  def test_a_server_that_sends_on_to_itself_is_asked_once
    CannedServer.open("") do |server|
      server.answer = http("", status: "302 Found", headers: "Location: http://#{server.address}/allocator/report.json\r\n")
      assert_raises(AllocStats::Command::Failure) { Remote.new("http://#{server.address}/allocator").get("report.json") }
      assert_equal 1, server.requests.size
    end
  end

  def test_patience_is_passed_on
    failure = failure(http("{}", status: "429 Too Many Requests", headers: "Retry-After: 4\r\n"))

    assert_match(/report\.json may be asked for again in 4 s/, failure.message)
  end

  # What steers a terminal, turns the direction of writing or is not seen: nothing of it comes through.
  def test_what_a_foreign_server_says_is_printable
    nasty = "a\e[2J\u009b31mb\u202ec\u2066d\u200be\u2028f\ag\u007f\r\n"
    CannedServer.open(http(JSON.generate("process" => {nasty => [nasty, {"x" => nasty}]}))) do |server|
      told = Remote.new("http://#{server.address}").get("report.json")
      key, (first, second) = told[:process].first

      assert_equal ["a?[2J?31mb?c?d?e?f?g??\n"] * 3, [key.to_s, first, second[:x]]
    end
    CannedServer.open(http(nasty)) { |server| assert_equal "a?[2J?31mb?c?d?e?f?g??\n", Remote.new("http://#{server.address}").text("report.txt") }
  end
end
