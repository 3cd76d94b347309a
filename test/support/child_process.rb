# frozen_string_literal: true

require "json"
require "rbconfig"

# Runs Ruby code in a real process of its own, under an allocator and an environment that the test chose:
#
#   result = ChildProcess.ruby("AllocStats.allocator.name", allocator: TestAllocators["mimalloc-3.6.0"])
#   result.value   # => "mimalloc"
#
# The value of the code's last expression comes back as JSON over a pipe of its own, so that what the code prints on
# stdout and stderr can be tested as well: symbols arrive as strings, hashes with symbols as keys.
module ChildProcess
  # value: what the code evaluated to (nil when it ended before that); status: Process::Status; seconds: wall clock.
  Result = Struct.new(:value, :stdout, :stderr, :status, :seconds, keyword_init: true) do
    def success? = status.success?

    # The signal that ended the process ("SEGV"), or nil.
    def signal = status.signaled? ? Signal.signame(status.termsig) : nil
  end

  # The child did not end by itself with status 0; `result` holds what it had said until then.
  class Failed < StandardError
    attr_reader :result

    def initialize(reason, result)
      @result = result
      super("the child process #{reason}\n#{result.stderr}")
    end
  end

  class TimedOut < Failed; end

  LIB = File.expand_path("../../lib", __dir__)

  # What a developer has set for the process that runs the tests is not meant for the process under test.
  FOREIGN = /\A(LD_PRELOAD|LD_LIBRARY_PATH|MALLOC_\w+|_RJEM_\w+|JE_\w+|GLIBC_TUNABLES|MIMALLOC_\w+|TCMALLOC_\w+|ALLOCSTATS_\w+)\z/
  # Where the gems are is the same for all.
  BUNDLER = /\A(RUBYOPT|RUBYLIB|GEM_HOME|GEM_PATH|BUNDLE_(?!PATH\z)\w+|BUNDLER_\w+)\z/

  module_function

  # Runs `code` and returns a Result. Raises Failed when it exits with another status than 0 (unless check: false), and
  # TimedOut, after killing it with all it has started, when it takes more than `timeout` seconds.
  #
  # allocator:: an entry of TestAllocators; nil is the allocator that Ruby has without help
  # env::       variables on top; a value of nil takes one away
  # require::   libraries to load before the code; [] for a bare Ruby
  # bundler::   whether the child sees the gems of the bundle (Rack, Puma, Rails), which takes it 0.2 s more
  # options::   further arguments of the ruby command, such as "--disable-gems" or "-W:no-experimental"
  # arguments:: the child's ARGV
  # lib::       whose allocstats it loads, this checkout's unless said
  def ruby(code, allocator: nil, env: {}, require: ["allocstats"], bundler: false, options: [], arguments: [], timeout: 60, check: true, chdir: Dir.pwd, lib: LIB)
    report, report_in_child = IO.pipe
    libraries = Array(require).map { |library| "-r#{library}" }
    command = [RbConfig.ruby, "-I#{lib}", *options, *libraries, "-e", program(code, report_in_child.fileno), *arguments]
    run(command, env: environment(env, allocator: allocator, bundler: bundler), timeout:, check:, chdir:, report:, report_in_child:)
  end

  # Runs any command in the same way, without a value: for executables and shells.
  def command(*command, allocator: nil, env: {}, bundler: false, timeout: 60, check: true, chdir: Dir.pwd)
    report, report_in_child = IO.pipe
    run(command, env: environment(env, allocator: allocator, bundler: bundler), timeout:, check:, chdir:, report:, report_in_child:)
  end

  # An environment as Process.spawn takes it: what is foreign is unset.
  def environment(env, allocator: nil, bundler: false)
    foreign = bundler ? FOREIGN : Regexp.union(FOREIGN, BUNDLER)
    unset = ENV.keys.grep(foreign).to_h { |name| [name, nil] }
    unset.merge(allocator ? allocator.env : {}, env.transform_keys(&:to_s))
  end

  # Lines of `code` keep their numbers in backtraces; json is loaded last, so that it is not part of what was measured.
  def program(code, descriptor)
    "value_of_child_process = begin; #{code}\nend\n" \
      "require \"json\"\n" \
      "IO.for_fd(#{descriptor}, \"w\").write(JSON.generate(value_of_child_process))\n"
  end

  # `rake memcheck` looks at this process alone: what happens in others is tested elsewhere, and faster.
  def run(command, env:, timeout:, check:, chdir:, report:, report_in_child:)
    raise Minitest::Skip, "valgrind does not follow children" if ENV["RUBY_MEMCHECK_RUNNING"]

    stdout, stdout_in_child = IO.pipe
    stderr, stderr_in_child = IO.pipe
    started = now
    pid = Process.spawn(env, *command, :in => File::NULL, :out => stdout_in_child, :err => stderr_in_child,
      report_in_child => report_in_child, :pgroup => true, :chdir => chdir)
    [stdout_in_child, stderr_in_child, report_in_child].each(&:close)
    # Whatever the locale of the tests is, what children print is text.
    readers = [report, stdout, stderr].map { |pipe| Thread.new { pipe.set_encoding(Encoding::UTF_8).read } }

    status, timed_out = wait(pid, timeout)
    seconds = now - started
    value, *output = readers.map(&:value)
    finish(Result.new(value: parse(value), stdout: output[0], stderr: output[1], status:, seconds:), timed_out, check)
  ensure
    [report, stdout, stderr].each { |pipe| pipe&.close }
  end

  # Ends the whole process group in either case: a child's own children would keep the pipes open, and outlive the test.
  def wait(pid, timeout)
    waiter = Process.detach(pid)
    timed_out = waiter.join(timeout).nil?
    begin
      Process.kill(:KILL, -pid)
    rescue Errno::ESRCH
      # All of it has ended by itself.
    end
    [waiter.value, timed_out]
  end

  def finish(result, timed_out, check)
    raise TimedOut.new("was killed after #{result.seconds.round(1)} s", result) if timed_out
    raise Failed.new("ended with #{result.status.inspect}", result) if check && !result.success?

    result
  end

  def parse(text)
    text.empty? ? nil : JSON.parse(text, symbolize_names: true)
  end

  def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)

  private_class_method :program, :run, :wait, :finish, :parse, :now
end
