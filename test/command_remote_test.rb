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
end
