# frozen_string_literal: true

require "test_helper"
require "support/puma_server"

# What docs/workers.md says of a Puma that does not end: that it is Ruby's and Puma's, where it happens, and what avoids it.
class PumaHangTest < Minitest::Test
  # Puma's part in it: a handler that writes to a pipe and joins the thread that reads there and then closes it.
  STOPPING = <<~RUBY
    Thread.new { loop { sleep 1 } }
    reader, writer = IO.pipe
    server = Thread.new do
      IO.select([reader])
      reader.read(1)
      [reader, writer].each(&:close)
    end
    trap(:TERM) do
      begin
        %s
      rescue IOError
        # as Puma does
      end
      exit!(server.join(3) ? 0 : 3)
    end
    sleep 0.01 until server.status == "sleep"
    Process.kill(:TERM, Process.pid)
    sleep
  RUBY

  # Where it was seen.
  RUBIES = %w[3.3 3.4].freeze
  TRIES = 20

  def hangs(write)
    Array.new(TRIES) { ChildProcess.ruby(format(STOPPING, write), require: [], options: ["--disable-gems"], check: false).status.exitstatus }.count(3)
  end

  def test_ruby_alone_hangs_so
    seen = hangs('writer << "?"')
    if RUBIES.include?(RUBY_VERSION[/\d+\.\d+/])
      skip "Ruby #{RUBY_VERSION} did not hang in #{TRIES} tries: docs/workers.md says that 3.3 and 3.4 do" if seen.zero?
    else
      assert_equal 0, seen, "Ruby #{RUBY_VERSION} hangs as 3.3 and 3.4 do: docs/workers.md has to say so"
    end
  end

  def test_a_write_that_does_not_block_avoids_it = assert_equal(0, hangs('writer.write_nonblock("?")'))

  def test_the_advice_is_what_each_puma_of_the_tests_has
    assert_includes PumaServer::STOPS, "write_nonblock"
    5.times do
      PumaServer.run(rackup: "Thread.new { loop { sleep 1 } }\nrun ->(_) { [200, {}, [Puma::Server.instance_method(:notify_safely).source_location.first]] }") do |server|
        assert_equal PumaServer.stops, server.get("/").body
      end
    end
  end
end
