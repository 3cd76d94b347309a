# frozen_string_literal: true

require "rbconfig"
require "shellwords"
require "stringio"
require "support/child_process"

# The command `allocstats`, in a process of its own unless said.
module CommandLine
  EXECUTABLE = File.expand_path("../../exe/allocstats", __dir__)
  COMMAND = [RbConfig.ruby, "-I#{ChildProcess::LIB}", EXECUTABLE].freeze

  # A Ruby that says which allocator runs it, for the end of a command.
  SAYS_WHICH = [RbConfig.ruby, "-I#{ChildProcess::LIB}", "-rallocstats", "-e", "print AllocStats.allocator.title"].freeze

  module_function

  # @return [ChildProcess::Result] whatever its status
  def run(*arguments, **options)
    ChildProcess.command(*COMMAND, *arguments, check: false, **options)
  end

  # The same as words of a shell.
  def words(*arguments)
    Shellwords.join([*COMMAND, *arguments])
  end

  # Without a process of its own: what is no matter of signals, and soon done.
  # @return [Array(Integer, String, String)] status, stdout and stderr
  def in_this_process(*arguments)
    out, err = StringIO.new, StringIO.new
    status = AllocStats::Command.run(arguments, stdout: out, stderr: err)
    [status, out.string, err.string]
  end

  # What to give to --allocator for an entry of TestAllocators.
  def allocator(entry) = entry.path || entry.name.name
end
