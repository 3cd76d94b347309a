# frozen_string_literal: true

require "test_helper"
require "pty"
require "support/rails_app"

# What allocstats adds to the rails command, in the application of examples/rails_app.
class RailsCommandsTest < Minitest::Test
  OWN = "the process of this task, and no server (URL=http://HOST:PORT/allocator asks one)"

  def setup
    skip RailsApp.missing if RailsApp.missing
  end

  def environment(env) = PumaServer.environment(RailsApp::GEMFILE).merge("RAILS_ENV" => "production", **env)

  def rails(*arguments, env: {}, folder: RailsApp::FOLDER, check: true)
    ChildProcess.command("bundle", "exec", "bin/rails", *arguments, env: environment(env), chdir: folder, check: check)
  end

  def test_report_of_the_task_itself
    said = rails("allocstats:report").stdout.lines.map(&:chomp)

    assert_equal OWN, said[0]
    assert_match(/\Aglibc \S+ owns all of malloc/, said[1])
    assert_match(/\Apid \d+ · bin\/rails · /, said[2])
  end

  def test_purge_of_the_task_itself
    said = rails("allocstats:purge", env: {"GC" => "1"}).stdout.lines.map(&:chomp)

    assert_equal OWN, said[0]
    assert_match(/\A(released \d+\.\d [KM]iB|nothing) in \d+ ms/, said[1])
  end

  def test_report_and_purge_of_a_server
    RailsApp.run(env: {"ALLOCSTATS_CHANGE_TOKEN" => "to-change-with-the-test"}) do |server|
      address = "http://127.0.0.1:#{server.port}/allocator"
      url = {"URL" => address}
      reader, changer = {"ALLOCSTATS_TOKEN" => RailsApp::TOKEN}, {"ALLOCSTATS_CHANGE_TOKEN" => "to-change-with-the-test"}

      said = rails("allocstats:report", env: url.merge(reader)).stdout.lines.map(&:chomp)
      assert_equal address, said[0]
      assert_match(/\Apid #{server.pid} · /, said[2])

      assert_match(/\A#{address}\n(released \d+\.\d [KM]iB|nothing) in \d+ ms/, rails("allocstats:purge", env: url.merge(changer)).stdout)
      sleep 5 # no sooner may be asked for the next
      assert_match(/\A#{address}\n(worker \d+ \(pid \d+\): (released \d+\.\d [KM]iB|nothing).*\n)+\z/, rails("allocstats:purge", "WORKERS=all", env: url.merge(changer)).stdout)

      refused = rails("allocstats:purge", env: url.merge(reader), check: false)
      assert_equal ["", "allocstats: #{address} answers 403: ALLOCSTATS_CHANGE_TOKEN holds a token that does not open it\n"], [refused.stdout, refused.stderr]
      refute_predicate refused, :success?
      assert_equal "allocstats: #{address} answers 401: set ALLOCSTATS_TOKEN to the token that opens it\n", rails("allocstats:report", env: url, check: false).stderr
    end
  end

  def test_a_server_that_is_none
    failed = rails("allocstats:report", "URL=allocator", check: false)

    assert_equal %(allocstats: "allocator" is no address of an endpoint: http://HOST:PORT/allocator is one\n), failed.stderr
    assert_equal 1, failed.status.exitstatus
  end

  def test_the_generator_writes_the_initializer_that_the_example_has
    in_copy do |folder|
      FileUtils.rm("#{folder}/config/initializers/allocstats.rb")
      said = rails("generate", "allocstats:install", folder: folder).stdout

      assert_match(%r{create  config/initializers/allocstats.rb$}, said)
      assert_match(/add `plugin :allocstats` to config\/puma.rb/, said)
      assert_equal File.read("#{RailsApp::FOLDER}/config/initializers/allocstats.rb"), File.read("#{folder}/config/initializers/allocstats.rb")
      assert_includes rails("generate", "--help", folder: folder).stdout, "  allocstats:install\n"
      assert_includes rails("routes", folder: folder).stdout, "/allocator.json         AllocStats::Rack::Endpoint"
    end
  end

  # The sentence stands alone on a line of its own, whatever Rails prints around it, and nothing was started.
  def test_what_does_not_fit_is_told_at_boot
    in_copy do |folder|
      {
        'paht = "/x"' => 'no option of config.allocstats is named "paht"; did you mean path? (AllocStats::UnknownName)',
        'path = "allocator"' => 'config.allocstats.path takes false or a path such as "/internal/allocator", of letters, digits and -._~, and not "allocator" (AllocStats::InvalidValue)',
        "token = 5" => "config.allocstats: token must be a word of printable ASCII without spaces (AllocStats::InvalidValue)",
        'authenticate = "me"' => 'config.allocstats: authenticate must be something to call with a request: "me" (AllocStats::InvalidValue)'
      }.each do |line, sentence|
        File.write("#{folder}/config/initializers/allocstats.rb", "Rails.application.config.allocstats.#{line}\n")
        failed = rails("runner", "puts :booted", folder: folder, check: false)

        assert_equal [1, ""], [failed.status.exitstatus, failed.stdout]
        told = failed.stderr.lines.find { |told| told.end_with?(": #{sentence}\n") }
        assert told, failed.stderr
        assert_includes failed.stderr, "#{folder}/config/initializers/allocstats.rb:1:in" if line.start_with?("pa")
      end
    end
  end

  def test_health_is_checked_at_boot_too
    in_copy do |folder|
      File.write("#{folder}/config/initializers/allocstats.rb", "Rails.application.config.allocstats.health = {expct: :jemalloc}\n")
      failed = rails("runner", "puts :booted", folder: folder, check: false)

      assert_equal [1, ""], [failed.status.exitstatus, failed.stdout]
      assert_match(/: config\.allocstats: .*expct.*did you mean expect\?.* \(AllocStats::UnknownName\)$/, failed.stderr)
    end
  end

  def test_the_console_says_one_line
    said = console("AllocStats.help.to_s.lines.size")

    assert_equal 1, said.scan(/^allocstats: glibc \S+ runs malloc; AllocStats\.help lists what can be asked\r$/).size, said
    assert_match(/=> \d\d/, said)
  end

  def test_nothing_is_said_where_nobody_reads
    assert_equal "1\n", rails("runner", "puts 1").stdout
  end

  private

  # The application elsewhere, with the same gems.
  def in_copy
    Dir.mktmpdir("allocstats-rails") do |folder|
      FileUtils.cp_r("#{RailsApp::FOLDER}/.", folder)
      yield folder
    end
  end

  # What `rails console` prints on a terminal where this line is entered.
  def console(line)
    said = nil
    quiet = {"IRB_USE_AUTOCOMPLETE" => "false", "TERM" => "dumb"}
    PTY.spawn(environment(quiet), "bundle", "exec", "bin/rails", "console", "--", "--nomultiline", "--noautocomplete", chdir: RailsApp::FOLDER) do |output, input, pid|
      input.puts(line, "exit")
      said = read_to_end(output)
      Process.wait(pid)
    end
    said
  end

  def read_to_end(terminal)
    text = +""
    loop { text << terminal.readpartial(4096) }
  rescue Errno::EIO, EOFError # whoever wrote there has ended
    text.force_encoding(Encoding::UTF_8)
  end
end
