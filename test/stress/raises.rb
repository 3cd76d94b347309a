# An exception, or the end of the thread, at every moment that can be reached: at each line of Ruby and each call of a C
# function in turn, and by time. Afterwards everything is usable.
# under: glibc jemalloc-5.3.0 mimalloc-3.6
# No StandardError: nothing of ours may rescue it.
class Cut < Exception; end # rubocop:disable Lint/InheritException

CALLS = {
  purge: -> { AllocStats.purge },
  measure: -> { AllocStats.measure { "x" * 100 } },
  tune: -> { AllocStats.tune(:balanced) },
  ledger: -> { AllocStats.ledger },
  memory: -> { AllocStats.memory },
  sample: -> { AllocStats.sample.refresh.close },
  settings: -> { AllocStats.settings },
  health: -> { AllocStats.health },
  workers: -> { AllocStats.workers.purge(timeout: 0.2) },
  start_and_stop: -> { AllocStats.start(interval: 0.05) && AllocStats.stop }
}.freeze

# Cuts a call short at its nth event. Whether it was reached.
def cut_at(event, call)
  seen = 0
  trace = TracePoint.new(:line, :c_call, :c_return) do
    seen += 1
    if seen == event
      trace.disable
      raise Cut
    end
  end
  trace.enable(target_thread: Thread.current) { Stress.refused(&call) }
  false
rescue Cut
  true
end

# The thread that is cut short goes on living, so what it has left half done stays its own.
class Victim
  def initialize
    @jobs, @done = Queue.new, Queue.new
    @thread = Thread.new { loop { serve } }
    @thread.report_on_exception = false
  end

  # What the block answers, which runs in the thread; `meanwhile` is called with the thread while it does.
  def run(name, meanwhile: nil, &job)
    @jobs << job
    meanwhile&.call(@thread)
    ends = Stress.now + 20
    while @done.empty? && @thread.alive?
      (Stress.now > ends) ? abort("#{name} does not end: #{@thread.backtrace&.first(8)&.join("\n")}") : sleep(0.0002)
    end
    @thread.alive? ? @done.pop : initialize
  end

  private

  def serve
    Thread.handle_interrupt(Cut => :never) do
      job = @jobs.pop
      answer = begin
        Thread.handle_interrupt(Cut => :immediate, &job)
      rescue Cut
        :cut
      end
      @done << answer
    end
  rescue Cut # it came too late
    nil
  end
end

victim = Victim.new
CALLS.each_value { |call| Stress.refused(&call) } # everything is loaded
raises = 0
events = Hash.new(0)
Stress.repeat do |i|
  CALLS.each do |name, call|
    event = (events[name] += 1)
    events[name] = 0 unless victim.run(name) { cut_at(event, call) }
    cut = lambda do |thread|
      sleep(Stress::RANDOM.rand * 0.003)
      (i % 50 == 49) ? thread.kill : thread.raise(Cut)
    end
    victim.run(name, meanwhile: cut) { Stress.refused(&call) }
    raises += 2
  end
end
AllocStats.stop
AllocStats.start(interval: 0.05) or abort("the agent does not start any more")
Stress.assert_usable
answers = AllocStats.workers.purge.answers
answers.all? { |answer| %w[released nothing unshared].include?(answer[:outcome].to_s) } or abort("a request to all workers is not answered: #{answers.inspect}")
{raises: raises}
