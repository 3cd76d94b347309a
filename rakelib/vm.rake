# frozen_string_literal: true

# The tests of test/vm/guest, and those beside them that read what a kernel says, inside of a virtual machine with a kernel
# of Debian's own. It is emulated, so it takes minutes; what it cannot have here it says in one sentence.
module VMTests
  KEPT = "tmp/vm"

  # Which tests beside the guest's own are worth running again on a real kernel with control groups of version 2.
  AGAIN = {
    "amd64" => %w[cgroup process_memory ledger health history],
    "arm64" => %w[allocator sample process_memory purge cgroup]
  }.freeze

  COMMAND = <<~SH
    failed=0
    for file in test/vm/guest/groups.rb test/vm/guest/places.rb %<again>s; do
      echo "== $file"
      timeout 600 ruby -W0 -Ilib -Itest $file || failed=1
    done
    exit $failed
  SH

  module_function

  # Whether all passed; what could not be run here is no failure.
  def run(name)
    require_relative "../test/vm/machine"

    machine = VM::Machine.new(name, folder: KEPT)
    return left_out(name, machine.missing) if machine.missing

    begun = Time.now
    passed, failed, skipped = 0, 0, 0
    again = AGAIN.fetch(name).map { |test| "test/#{test}_test.rb" }.join(" ")
    status = machine.run(format(COMMAND, again: again), seconds: Float(ENV.fetch("SECONDS", 1800))) do |line|
      puts line
      $stdout.flush
      runs, failures, errors, skips = line.match(/(\d+) runs, \d+ assertions, (\d+) failures, (\d+) errors, (\d+) skips/)&.captures&.map(&:to_i)
      next unless runs

      failed += failures + errors
      skipped += skips
      passed += runs - failures - errors - skips
    end
    puts "vm:#{name}: #{passed} passed, #{failed} failed, #{skipped} skipped, in #{(Time.now - begun).round} s#{" (it did not come to its end)" unless status}"
    File.write("#{KEPT}/#{name}/last-passed", "#{begun}\n") if status == 0
    status == 0
  rescue VM::Machine::Unavailable => error
    left_out(name, error.message)
  end

  def left_out(name, reason)
    puts "vm:#{name} not run: #{reason}"
    last = "#{KEPT}/#{name}/last-passed"
    puts "it last passed #{File.read(last)}" if File.exist?(last)
    true
  end
end

desc "Run what a kernel says in a virtual machine with control groups of version 2, swap and pressure; SECONDS=bound (1800)"
task vm: :compile do
  VMTests.run("amd64") or abort
end

namespace :vm do
  desc "The same of arm64"
  task :arm64 do
    VMTests.run("arm64") or abort
  end
end
