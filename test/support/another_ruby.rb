# frozen_string_literal: true

require "support/child_process"

# A Ruby in a process of its own that a test looks at from outside while it lives:
#
#   AnotherRuby.run("$all = 'x' * 80_000_000") { |pid| AllocStats::OtherProcess.new(pid).rss }
module AnotherRuby
  module_function

  # Yields its pid, and an IO to its stdin and from its stdout, when it has run `code`; kills it after the block.
  #
  # afterwards:: what it then does
  # env::        variables on top of none that are foreign; a value of nil takes one away
  def run(code = "", env: {}, afterwards: "sleep")
    script = "#{code}\nputs :ready; $stdout.flush\n#{afterwards}"
    io = IO.popen([ChildProcess.environment(env), RbConfig.ruby, "-I#{ChildProcess::LIB}", "-e", script, err: File::NULL], "r+")
    said = io.gets
    raise "the other Ruby did not get ready, and said #{said.inspect}" unless said == "ready\n"
    yield io.pid, io
  ensure
    if io
      Process.kill(:KILL, io.pid)
      io.close
    end
  end
end
