# frozen_string_literal: true

require "test_helper"
require "stringio"
require "support/asking"
require "support/nginx_server"
require "support/puma_server"
require "support/small_rails"

# The door that is open where nobody has configured anything: what proves that a request comes from this machine.
class RackDoorTest < Minitest::Test
  include Asking
  include LocalConnection

  def teardown = close_connections

  # Why a request on this socket is not let in; nil where it is.
  def doubt(socket, **env)
    AllocStats::Rack::Loopback.doubt(env_for("/").merge("puma.socket" => socket, **env.transform_keys(&:to_s)))
  end

  def test_a_connection_within_this_machine_is_known
    assert_nil doubt(local_connection)
    assert_nil doubt(local_connection(listen: "127.0.0.3", from: "127.0.0.3"))
    assert_nil doubt(local_connection(listen: "::1", from: "::1"), REMOTE_ADDR: "::1")
  end

  def test_a_server_that_listens_to_the_world_as_well_proves_nothing
    assert_match(/listens on other addresses/, doubt(local_connection(listen: "0.0.0.0")))
    assert_match(/listens on other addresses/, doubt(local_connection(listen: "::", from: "::1"), REMOTE_ADDR: "::1"))
    assert_match(/listens on other addresses/, doubt(local_connection(listen: "::", from: "127.0.0.1")))
  end

  def test_a_unix_socket_proves_nothing
    ours, theirs = UNIXSocket.pair

    assert_match(/not over TCP/, doubt(ours))
  ensure
    [ours, theirs].compact.each(&:close)
  end

  def test_a_server_that_shows_no_connection_proves_nothing
    assert_match(/does not show/, doubt(nil))
    assert_match(/cannot be looked at/, doubt(Object.new))
    assert_match(/cannot be looked at/, doubt(local_connection.tap(&:close)))
  end

  def test_a_client_of_another_user_is_not_this_one
    skip "only root can be somebody else" unless Process.uid.zero?
    server = TCPServer.new("127.0.0.1", 0)
    reader, writer = IO.pipe
    child = fork do
      writer.close
      Process::Sys.setuid(65534)
      TCPSocket.new("127.0.0.1", server.addr[1])
      reader.read
      exit!(0)
    end
    socket = server.accept

    assert_match(/not of the user/, doubt(socket))
  ensure
    [reader, writer, socket, server].compact.each(&:close)
    Process.wait(child) if child
  end

  def test_a_client_that_is_gone_is_nobody
    socket = local_connection
    @connections.last[1].close

    assert_match(/not of the user/, doubt(socket))
  end

  def test_what_proxies_say_shuts_it
    socket = local_connection
    %w[X_FORWARDED_FOR X_FORWARDED_PORT X_FORWARDED FORWARDED FORWARDED_FOR X_REAL_IP VIA X_CLIENT_IP X_CLUSTER_CLIENT_IP TRUE_CLIENT_IP CF_CONNECTING_IP
      X_ORIGINAL_FORWARDED_FOR X_PROXYUSER_IP].each { |header| assert_match(/through a proxy/, doubt(socket, "HTTP_#{header}": "127.0.0.1"), header) }
    assert_match(/HTTP\/1\.0/, doubt(socket, SERVER_PROTOCOL: "HTTP/1.0"))
    assert_nil doubt(socket, SERVER_PROTOCOL: "HTTP/1.1")
  end

  # What a refusal says, and where.

  def test_a_refusal_has_its_reason_and_the_setting_in_the_log_and_in_development_in_the_answer
    errors = StringIO.new
    answer = ask("/metrics", REMOTE_ADDR: "203.0.113.5\e[31m", errors: errors)
    told = JSON.parse(answer.body)

    assert_equal ["unauthorized", "nothing is configured, and the peer's address is not a loopback one"], told.values_at("error", "reason")
    assert_match(/ALLOCSTATS_TOKEN/, told["setting"])
    assert_equal "allocstats: GET /metrics of 203.0.113.5?[31m was refused (401): #{told["reason"]}. #{told["setting"]}\n", errors.string
  end

  def test_elsewhere_the_reason_is_the_logs_alone
    {
      {} => /nothing is configured, and the environment is production.*ALLOCSTATS_TOKEN/,
      {token: "t" * 16} => /it has sent no token/,
      {allow: ->(_) { false }} => /nothing that is configured lets it in/
    }.each do |options, sentence|
      errors = StringIO.new
      answer = ask(endpoint: endpoint(environment: "production", **options), errors: errors)

      assert_equal ["error"], JSON.parse(answer.body).keys
      assert_match sentence, errors.string
    end
  end

  def test_a_wrong_token_and_leave_to_read_alone_are_told_apart_and_no_token_is_logged
    errors = StringIO.new
    closed = endpoint(environment: "production", token: "r" * 16)
    ask(endpoint: closed, errors: errors, HTTP_AUTHORIZATION: "Bearer #{"w" * 16}")
    ask("/purge", method: "POST", endpoint: closed, errors: errors, HTTP_AUTHORIZATION: "Bearer #{"r" * 16}")

    assert_match(/the token that it has sent is not the one/, errors.string.lines.first)
    assert_match(/token lets read and not change.*ALLOCSTATS_CHANGE_TOKEN/, errors.string.lines.last)
    refute_match(/w{16}|r{16}/, errors.string)
  end

  # Tokens that could be found by trying.

  def test_a_short_token_is_no_token
    ["x", "short", "fifteen-letters"].each do |token|
      [:token, :change_token].each do |name|
        error = assert_raises(AllocStats::InvalidValue) { endpoint(:environment => "production", name => token) }
        assert_match(/\A#{name} must have 16 characters at least/, error.message)
        refute_includes error.message, token if token.size > 1
      end
      with_env("ALLOCSTATS_TOKEN" => token) { assert_raises(AllocStats::InvalidValue) { endpoint(environment: "production") } }
    end
  end

  # The key of a start.

  def test_the_key_of_this_start_reads_and_changes
    key = {HTTP_AUTHORIZATION: "Bearer #{AllocStats::Rack::StartKey.text}"}
    with_env(VARIABLES.to_h { |name| [name, nil] }) do
      closed = endpoint(environment: nil)

      assert_equal 401, ask(endpoint: closed).status
      assert_equal 401, ask(endpoint: closed, HTTP_AUTHORIZATION: "Bearer #{"0" * 32}").status
      assert_equal [200, 200], [ask(endpoint: closed, **key), ask("/purge", method: "POST", endpoint: closed, **key)].map(&:status)
      assert_equal 200, ask(endpoint: closed, HTTP_AUTHORIZATION: "Basic #{["me:#{AllocStats::Rack::StartKey.text}"].pack("m0")}", **ELSEWHERE).status
      assert_equal 403, ask(endpoint: endpoint(environment: "production"), **key).status
      assert_equal 401, ask(endpoint: endpoint(environment: "production", token: "t" * 16), **key).status
    end
  end

  def test_the_key_is_another_one_each_time_and_the_same_in_forks
    code = "[AllocStats::Rack::StartKey.text, IO.popen('-') { |io| io ? io.read : print(AllocStats::Rack::StartKey.send(:remove_instance_variable, :@text) && AllocStats::Rack::StartKey.text) }]"
    keys = Array.new(2) { ChildProcess.ruby(code).value }

    keys.each do |key, in_a_fork|
      assert_match(/\A\h{32}\z/, key)
      assert_equal key, in_a_fork
    end
    assert_equal 2, keys.uniq.size
  end
end

# The same with real servers: plain Rack applications to which nobody has said anything.
class RackDoorServersTest < Minitest::Test
  RACKUP = <<~RUBY
    require "allocstats"
    map("/allocator") { run AllocStats::Rack::Endpoint.new }
    run ->(_) { [200, {"content-type" => "text/plain"}, ["theirs"]] }
  RUBY

  PATHS = ["/allocator", "/allocator/metrics", "/allocator/report.txt", "/allocator/health"].freeze
  CLOSED = %w[401 401 401 200].freeze

  NOTHING_SAID = {"RACK_ENV" => nil, "RAILS_ENV" => nil, "APP_ENV" => nil}.freeze

  def codes(server, **headers) = PATHS.map { |path| server.get(path, headers.transform_keys(&:to_s)).code }

  def post(server, path, headers = {})
    server.request(Net::HTTP::Post.new("/allocator/#{path}", "Content-Type" => "application/json", **headers).tap { |post| post.body = "{}" })
  end

  def assert_closed(server)
    assert_equal CLOSED, codes(server)
    assert_equal %w[401 401], %w[purge tune].map { |path| post(server, path).code }
  end

  # The key, as a person finds it.
  def key_of(server) = server.log[/until the server starts again: (\h{32})/, 1]

  def test_a_plain_application_asks_for_the_key_in_its_log
    PumaServer.run(rackup: RACKUP, env: NOTHING_SAID) do |server|
      assert_closed server
      assert_match(/GET \/allocator\/metrics of 127\.0\.0\.1 was refused \(401\): .*ALLOCSTATS_TOKEN/, server.log)
      assert_equal %w[200 200 200 200], codes(server, Authorization: "Bearer #{key_of(server)}")
      assert_equal "200", post(server, "purge", "Authorization" => "Bearer #{key_of(server)}").code
    end
  end

  # Each worker loads the application for itself: one key opens all.
  def test_all_workers_have_the_same_key
    PumaServer.run(rackup: RACKUP, workers: 3, threads: 1, env: NOTHING_SAID, config: "preload_app! false") do |server|
      assert_equal "200", server.get("/allocator/health").code # a worker has begun
      answers = Array.new(30) { server.get("/allocator/report.json", "Authorization" => "Bearer #{key_of(server)}") }

      assert_equal ["200"], answers.map(&:code).uniq
      assert_equal 1, server.log.scan(/starts again: (\h{32})/).uniq.size
      assert_operator answers.map { |answer| JSON.parse(answer.body)["pid"] }.uniq.size, :>, 1
    end
  end

  def test_an_application_that_is_said_to_be_in_development_is_open_to_this_machine
    said = RACKUP.sub("Endpoint.new", 'Endpoint.new(environment: "development")')
    PumaServer.run(rackup: said) { |server| assert_equal %w[200 200 200 200], codes(server) }
    PumaServer.run(rackup: said, config: "bind 'tcp://0.0.0.0:0'") do |server|
      everywhere = server.log[%r{Listening on http://0\.0\.0\.0:(\d+)}, 1]
      answer = Net::HTTP.get_response(URI("http://127.0.0.1:#{everywhere}/allocator"))

      assert_equal ["401", "200"], [answer.code, server.get("/allocator").code]
      assert_match(/listens on other addresses/, JSON.parse(answer.body)["reason"])
    end
  end

  def test_behind_nginx_that_only_passes_on
    skip NginxServer.missing if NginxServer.missing
    PumaServer.run(rackup: RACKUP, env: NOTHING_SAID) do |server|
      NginxServer.before("http://127.0.0.1:#{server.port}") do |nginx|
        assert_equal "theirs", nginx.get("/").body
        assert_closed nginx
        assert_equal %w[200 200 200 200], codes(nginx, Authorization: "Bearer #{key_of(server)}")
      end
    end
  end

  def test_behind_nginx_over_a_unix_socket
    skip NginxServer.missing if NginxServer.missing
    Dir.mktmpdir do |folder|
      File.chmod(0o755, folder)
      PumaServer.run(rackup: RACKUP.sub("Endpoint.new", 'Endpoint.new(environment: "development")'), config: "bind 'unix://#{folder}/puma.sock'") do |server|
        File.chmod(0o777, "#{folder}/puma.sock")
        NginxServer.before("http://unix:#{folder}/puma.sock") do |nginx|
          assert_equal "theirs", nginx.get("/").body
          assert_closed nginx
          assert_closed_to_all nginx
        end
        assert_equal "200", server.get("/allocator").code
      end
    end
  end

  def assert_closed_to_all(nginx)
    assert_equal "401", nginx.get("/allocator", "Host" => "localhost").code
    assert_equal "401", nginx.get("/allocator", "Host" => "127.0.0.1", "X-Real-Ip" => "127.0.0.1").code
  end

  # Development by mistake, on a machine that serves: nginx adds nothing, and speaks as new as it can.
  def test_a_rails_application_in_development_behind_nginx
    skip NginxServer.missing if NginxServer.missing
    rails = SmallRails.new("rails_7_2")
    skip rails.missing if rails.missing
    rails.run(env: {"RAILS_ENV" => "development"}) do |server|
      assert_equal %w[200 200 200 200], codes(server)
      ["", *("proxy_http_version 1.1; proxy_set_header Connection '';" if Process.uid.zero?)].each do |lines|
        NginxServer.before("http://127.0.0.1:#{server.port}", lines: lines) do |nginx|
          assert_equal "200", nginx.get("/").code
          assert_closed nginx
          assert_match(/HTTP\/1\.0|not of the user/, nginx.get("/allocator").body)
        end
      end
    end
  end
end
