# frozen_string_literal: true

require "json"

# A Rack application that tells what AllocStats.workers says, for the tests of servers; and who asks for it.
module WorkersApp
  # start:: what the application says when it is loaded
  def self.rackup(start = "AllocStats.start(interval: 0.2)")
    <<~RUBY
      require "allocstats"
      require "json"
      #{start}
      run(lambda do |env|
        answer =
          case env["PATH_INFO"]
          when "/purge" then AllocStats.workers.purge(timeout: 5).to_h
          when "/tune" then AllocStats.workers.tune(:low_memory, timeout: 5).to_h
          when "/history" then AllocStats.workers.map { |worker| [worker.pid, worker.history.size] }
          when "/garbage" then Array.new(300_000) { |i| "x" * (i % 90 + 40) }.size
          when "/child" then IO.popen("-") { |pipe| pipe ? pipe.read : (sleep 1.2; print AllocStats.started?, AllocStats::SharedMemory.slot?) }
          else AllocStats.workers.to_h
          end
        [200, {"content-type" => "application/json"}, [JSON.generate(answer)]]
      end)
    RUBY
  end

  # What a running server answers, as soon as the block says that it is what is waited for.
  def ask(server, path = "/", headers = {}, seconds: 20)
    deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + seconds
    loop do
      answer = JSON.parse(server.get(path, headers).body, symbolize_names: true)
      return answer if !block_given? || yield(answer)
      flunk("not within #{seconds} s: #{answer}\n#{server.log}") if Process.clock_gettime(Process::CLOCK_MONOTONIC) > deadline
      sleep 0.1
    end
  end

  # The list, once it holds this many that are alive and have reported.
  def workers(server, count)
    ask(server) { |answer| living(answer).size == count && living(answer).all? { |worker| worker[:reported_at] && worker[:figures][:pss] } }[:workers]
  end

  def living(answer)
    answer[:workers].select { |worker| worker[:alive] }
  end

  # All processes below one, as the kernel knows them.
  def below(pid)
    File.read("/proc/#{pid}/task/#{pid}/children").split.map(&:to_i).flat_map { |child| [child, *below(child)] }
  rescue Errno::ENOENT
    []
  end
end
