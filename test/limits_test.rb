# frozen_string_literal: true

require "test_helper"
require "support/compiled"

# Where the kernel refuses what the extension asks of it: by a limit of the process, or by a sandbox that forbids a system
# call. Nothing crashes or hangs: each call answers, or raises an error of ours, and a part that cannot work says so once.
# (A sandbox that kills for a call, by SIGSYS, cannot be survived.)
class LimitsTest < Minitest::Test
  # In an application everything has been called before; what a person calls then must not need what was never loaded.
  CALLS = <<~RUBY
    CALLS = {
      find: -> { AllocStats::SharedMemory.find(Process.ppid) },
      start: -> { AllocStats.start(interval: 0.05) },
      allocator: -> { AllocStats.allocator },
      report: -> { AllocStats.report.to_s },
      purge: -> { AllocStats.purge },
      ledger: -> { AllocStats.ledger.to_h },
      memory: -> { AllocStats.memory.to_h },
      census: -> { AllocStats.census.to_h },
      workers: -> { AllocStats.workers.to_h },
      purge_of_all: -> { AllocStats.workers.purge(timeout: 0.2).to_h },
      doctor: -> { AllocStats.doctor.to_h },
      settings: -> { AllocStats.settings.to_h },
      host_facts: -> { AllocStats.host_facts.to_h },
      health: -> { AllocStats.health.to_h },
      metrics: -> { AllocStats::Formats::Prometheus.generate(AllocStats.metrics) },
      history: -> { AllocStats.history.to_h },
      stop: -> { AllocStats.stop }
    }
    def call_all
      CALLS.filter_map do |name, call|
        call.call
        nil
      rescue AllocStats::Error, NoMemoryError # the latter is Ruby's own
        nil
      rescue Exception => error
        [name, error.class.name, error.message[0, 200], error.backtrace.grep(/allocstats/).first(3)]
      end
    end
    def warm_up
      AllocStats::Agent::Message
      AllocStats::Workers::Request
      AllocStats::Workers::Ledger
      failed = call_all
      raise failed.inspect unless failed.empty?
    end
  RUBY

  # What is tried in one process, since each takes a second: what was refused, and what came of it.
  def under(refusal, warm: true, allocator: nil, options: [], timeout: 60)
    ChildProcess.ruby(<<~RUBY, allocator: allocator, options: options, timeout: timeout)
      require "fiddle"
      require "etc"
      require "json"
      #{CALLS}
      warm_up if #{warm}
      #{refusal}
      failed = call_all
      spent = lambda do
        cpu = Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID)
        sleep 0.3
        Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID) - cpu
      end
      AllocStats.stop
      alone = spent.call # without any descriptor Ruby itself spins as it sleeps
      AllocStats.start(interval: 0.05)
      spins = spent.call - alone
      failed << [:agent, "spins: \#{spins} s of 0.3"] if spins > 0.2
      failed
    RUBY
  end

  LIMITS = {
    "FSIZE" => "Process.setrlimit(:FSIZE, 0)",
    "FSIZE of a page" => "Process.setrlimit(:FSIZE, 4096)",
    "NOFILE" => "Process.setrlimit(:NOFILE, Dir.children('/proc/self/fd').map(&:to_i).max)",
    "NOFILE 0" => "Process.setrlimit(:NOFILE, 0)",
    "AS" => "Process.setrlimit(:AS, File.read('/proc/self/statm').to_i * 4096 + 1_000_000)",
    "DATA" => "Process.setrlimit(:DATA, File.read('/proc/self/status')[/VmData:\\s+(\\d+)/, 1].to_i * 1024 + 3_000_000)",
    "NPROC" => "(Process::GID.change_privilege(65534); Process::UID.change_privilege(65534)) if Process.euid.zero?; Process.setrlimit(:NPROC, 0)",
    "SIGPENDING" => "Process.setrlimit(11, 0)",
    "MEMLOCK" => "Process.setrlimit(:MEMLOCK, 0)",
    "STACK" => "Process.setrlimit(:STACK, 65_536)",
    "another user" => "(Process::GID.change_privilege(65534); Process::UID.change_privilege(65534)) if Process.euid.zero?"
  }.freeze

  LIMITS.each do |name, limit|
    define_method("test_the_limit_#{name.tr(" ", "_")}") do
      [true, false].each do |warm|
        next if !warm && name.start_with?("NOFILE", "AS", "DATA", "another") # Ruby itself loads nothing any more
        result = under(limit, warm: warm)
        assert_empty result.value, "#{name}, #{warm ? "after" : "before"} the first call"
        assert_operator result.stderr.lines.tally.values.max.to_i, :<=, 2, "said once: #{result.stderr}"
      end
    end
  end

  SYSCALLS = {"x86_64" => {memfd_create: 319, ftruncate: 77, fallocate: 285, fchmod: 91, flock: 73, madvise: 28, futex: 202, openat: 257, readlinkat: 267,
                           getdents64: 217, fcntl: 72, mincore: 27, rt_tgsigqueueinfo: 297, tgkill: 234, pread64: 17, newfstatat: 262, sched_yield: 24, clock_nanosleep: 230,
                           sysinfo: 99, prlimit64: 302, getrusage: 98, process_vm_readv: 310, sched_getaffinity: 204, getrandom: 318, fstat: 5, rt_sigaction: 13, clone3: 435, readlink: 89},
              "aarch64" => {memfd_create: 279, ftruncate: 46, fallocate: 47, fchmod: 52, flock: 32, madvise: 233, futex: 98, openat: 56, readlinkat: 78,
                            getdents64: 61, fcntl: 25, mincore: 232, rt_tgsigqueueinfo: 240, tgkill: 131, pread64: 67, newfstatat: 79, sched_yield: 124, clock_nanosleep: 115,
                            sysinfo: 179, prlimit64: 261, getrusage: 165, process_vm_readv: 270, sched_getaffinity: 123, getrandom: 278, fstat: 80, rt_sigaction: 134, clone3: 435}}[RbConfig::CONFIG["host_cpu"]]

  # Of some calls only what the extension asks: Ruby and the C library cannot do without the rest. [argument, value]
  WHERE = {futex: [[1, 0], [1, 1]], fcntl: [[1, 1033], [1, 1034]]}.freeze

  # What is called when the page is made, which is once in a process.
  MAKING = %i[memfd_create ftruncate fallocate fchmod flock madvise readlinkat fcntl].freeze

  # The setup of the refusals, for `under`.
  def refusing(*refusals)
    <<~RUBY
      REFUSE = Fiddle::Function.new(Fiddle.dlopen(#{Compiled.library("refusing").dump})["refuse"], [Fiddle::TYPE_INT] * 4, Fiddle::TYPE_INT)
      #{refusals.map { |refusal| "raise 'seccomp' unless REFUSE.call(#{refusal.join(", ")}).zero?" }.join("\n")}
    RUBY
  end

  def test_what_is_refused_is_refused
    skip "no numbers of system calls for #{RbConfig::CONFIG["host_cpu"]}" unless SYSCALLS
    value = ChildProcess.ruby(<<~RUBY).value
      require "fiddle"
      #{refusing([SYSCALLS[:memfd_create], Errno::EPERM::Errno, -1, 0], [SYSCALLS[:flock], Errno::ENOSYS::Errno, -1, 0])}
      AllocStats.start
      [AllocStats::SharedMemory.present?, AllocStats::SharedMemory.open_to_siblings?, (File.open("/proc/self/status").flock(File::LOCK_EX) rescue $!.class.name), AllocStats.workers.size]
    RUBY
    assert_equal [true, false, "Errno::ENOSYS", 1], value
  end

  def test_calls_that_a_sandbox_refuses
    skip "no numbers of system calls for #{RbConfig::CONFIG["host_cpu"]}" unless SYSCALLS
    failures = SYSCALLS.flat_map do |name, number|
      [Errno::EPERM, Errno::ENOSYS].filter_map do |error|
        where = WHERE.fetch(name, [[-1, 0]])
        refusals = where.map { |argument, value| [number, error::Errno, argument, value] }
        result = under(refusing(*refusals), warm: !MAKING.include?(name))
        [name, error, result.value, result.stderr] unless result.value.empty?
      rescue ChildProcess::Failed => failed
        skip "this machine has no seccomp filters" if failed.result.stderr.include?("(RuntimeError)") && failed.result.stderr.include?("seccomp")
        [name, error, failed.message[0, 600]]
      end
    end
    assert_empty failures
  end
end
