# frozen_string_literal: true

# What the files of test/stress are written with; loaded in the process that runs one of them.
module Stress
  SECONDS = Float(ENV.fetch("SECONDS", 5))
  RANDOM = Random.new(Integer(ENV.fetch("SEED", 1)))

  module_function

  def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)

  # Until the time is over. Answers how often.
  def repeat(seconds = SECONDS)
    ends = now + seconds
    count = 0
    while now < ends
      yield count
      count += 1
    end
    count
  end

  # Whatever it was that was stressed goes on working: a purge, a reading, a setting, each within a time that nothing but
  # a hang takes.
  def assert_usable
    checks = {
      purge: -> { AllocStats.purge(gc: true).outcome },
      report: -> { AllocStats.report.to_s },
      ledger: -> { AllocStats.ledger.to_h },
      settings: -> { AllocStats.settings.to_a },
      tune: -> { AllocStats.tune(:balanced).to_h },
      workers: -> { AllocStats.workers.to_a }
    }
    checks.each do |name, check|
      thread = Thread.new(&check)
      thread.report_on_exception = false
      abort("#{name} did not end; #{thread.backtrace&.first(8)&.join("\n")}") unless thread.join(20)
      thread.value
    end
  end

  # What is expected to be refused is no failure.
  def refused
    yield
  rescue AllocStats::Error
    nil
  end
end
