# frozen_string_literal: true

require "test_helper"
require "support/forking_server"
require "support/workers_app"

# Every worker as any of them sees it, on real servers.
class WorkersServersTest < Minitest::Test
  include WorkersApp

  # How an application comes into a cluster: what it says, and what Puma's configuration does.
  CLUSTERS = {
    "preloaded" => ["AllocStats.start(interval: 0.2)", ""],
    "not_preloaded" => ["AllocStats.start(interval: 0.2)", "preload_app! false"],
    "preloaded_with_the_plugin" => ["", "plugin :allocstats"],
    "not_preloaded_with_the_plugin" => ["", "preload_app! false\nplugin :allocstats"],
    "preloaded_and_with_both" => ["AllocStats.start(interval: 0.2)", "plugin :allocstats"]
  }.freeze

  CLUSTERS.each do |name, (start, config)|
    define_method("test_a_puma_cluster_#{name}") do
      PumaServer.run(rackup: WorkersApp.rackup(start), workers: 3, threads: 2, config: config) do |server|
        workers = workers(server, 3)
        assert_equal [0, 1, 2], workers.map { |worker| worker[:index] }
        assert_equal below(server.pid).sort, workers.map { |worker| worker[:pid] }.sort
        assert_equal 1, workers.count { |worker| worker[:self] }
        assert_equal [["glibc", "sole", "worker"]], workers.map { |worker| worker.values_at(:allocator, :verdict, :title) }.uniq
        assert_resident workers
        assert_answers_of_all workers, ask(server, "/purge")[:answers]
        refute_match(/allocstats|thread/i, server.log.lines.grep_v(/threads: /).join, "Puma warns of threads, or the agent of itself")
      end
    end
  end

  # All start at once, and each looks for the page of the others.
  def test_a_puma_of_many_that_were_not_preloaded
    PumaServer.run(rackup: WorkersApp.rackup, workers: 8, threads: 1, config: "preload_app! false") do |server|
      workers = workers(server, 8)
      assert_equal (0..7).to_a, workers.map { |worker| worker[:index] }
      assert_equal 1, below(server.pid).map { |pid| page_of(pid) }.uniq.size, "one page for all"
    end
  end

  # The master belongs to what they take together, whether it runs an agent or not; with what each one's figures are of.
  {"with_an_agent" => ["AllocStats.start(interval: 0.2)", ""], "without_one" => ["", "plugin :allocstats"]}.each do |name, (start, config)|
    define_method("test_the_family_of_a_master_#{name}") do
      load = "KEPT = Array.new(40) { 'x' * 1_000_000 }\n"
      PumaServer.run(rackup: load + WorkersApp.rackup(start), workers: 2, threads: 1, config: config) do |server|
        workers(server, 2)
        pss = -> { [server.pid, *below(server.pid)].sum { |pid| File.read("/proc/#{pid}/smaps_rollup")[/^Pss:\s+(\d+)/, 1].to_i * 1024 } }
        answer = ask(server, seconds: 40) { |one| (pss.call - one[:total][:pss]).abs < pss.call / 10 }
        assert_equal [server.pid], answer[:masters].map { |master| master[:pid] }
        assert_operator answer[:workers_total][:pss], :<, answer[:total][:pss]
        [*answer[:workers], *answer[:masters]].each do |one|
          assert_operator one[:age], :>=, 0
          assert_operator one[:slow_age], :>=, 0
          assert_operator one[:slow_age], :<, 60
        end
        assert_equal name == "without_one", answer[:masters][0][:figures][:live].nil? && answer[:masters][0][:counters][:samples].to_i.zero?
      end
    end
  end

  def test_a_single_puma
    ["AllocStats.start", ""].zip(["", "plugin :allocstats"]) do |start, config|
      PumaServer.run(rackup: WorkersApp.rackup(start), config: config) do |server|
        answer = ask(server)
        assert_equal [[server.pid, true, true]], answer[:workers].map { |worker| worker.values_at(:pid, :self, :alive) }
        assert_equal [server.pid], ask(server, "/purge")[:answers].map { |one| one[:pid] }
        assert_operator ask(server, "/history")[0][1], :>=, 1
      end
    end
  end

  def test_a_killed_worker_while_others_answer
    PumaServer.run(rackup: WorkersApp.rackup, workers: 3, threads: 2, config: "worker_check_interval 5") do |server|
      killed = workers(server, 3)[1][:pid]
      Process.kill(:KILL, killed)
      dead = ask(server) { |answer| living(answer).none? { |worker| worker[:pid] == killed } }[:workers].find { |worker| worker[:pid] == killed }
      assert dead.nil? || (!dead[:alive] && dead[:stale])
      answers = ask(server, "/purge")[:answers]
      refute_includes answers.select { |answer| answer[:outcome] != "no_answer" }.map { |answer| answer[:pid] }, killed
      replaced = workers(server, 3)
      assert_equal [0, 1, 2], replaced.map { |worker| worker[:index] }
      refute_includes replaced.map { |worker| worker[:pid] }, killed
    end
  end

  def test_a_phased_restart
    PumaServer.run(rackup: WorkersApp.rackup, workers: 2, threads: 2, config: "preload_app! false") do |server|
      before = workers(server, 2).map { |worker| worker[:pid] }
      Process.kill(:USR1, server.pid)
      after = ask(server, seconds: 40) { |answer| (living(answer).map { |worker| worker[:pid] } & before).empty? && living(answer).size == 2 }
      assert_equal [[0, true], [1, true]], after[:workers].map { |worker| worker.values_at(:index, :alive) }
    end
  end

  def test_a_puma_that_forks_workers_from_a_worker
    PumaServer.run(rackup: WorkersApp.rackup, workers: 3, threads: 2, config: "preload_app! false\nfork_worker") do |server|
      assert_equal [0, 1, 2], workers(server, 3).map { |worker| worker[:index] }
    end
  end

  def test_a_child_of_a_worker_is_left_alone
    PumaServer.run(rackup: WorkersApp.rackup, workers: 2, threads: 2) do |server|
      workers(server, 2)
      assert_equal "truefalse", ask(server, "/child"), "its agent waits to be called something else, and has no slot"
      assert_equal 2, ask(server)[:workers].size
    end
  end

  %w[preload_app\ true preload_app\ false].each do |config|
    define_method("test_unicorn_with_#{config.tr(" ", "_")}") do
      ForkingServer.run(:unicorn, rackup: WorkersApp.rackup, workers: 2, config: config) do |server|
        workers = workers(server, 2)
        assert_equal [0, 1], workers.map { |worker| worker[:index] }
        assert_equal below(server.pid).sort, workers.map { |worker| worker[:pid] }.sort
        assert_answers_of_all workers, ask(server, "/purge")[:answers]
        kill_and_see_replaced(server, workers)
      end
    end
  end

  # Loaded in a mold, of which the workers are forked; or started in each worker, which then have to find each other.
  {"in_the_mold" => ["AllocStats.start(interval: 0.2)", ""],
   "in_each_worker" => ["", "after_worker_fork { |_server, _worker| AllocStats.start(interval: 0.2) }"]}.each do |name, (start, config)|
    define_method("test_pitchfork_started_#{name}") do
      ForkingServer.run(:pitchfork, rackup: WorkersApp.rackup(start), workers: 2, config: config) do |server|
        workers = workers(server, 2)
        assert_equal [0, 1], workers.map { |worker| worker[:index] }
        assert_empty workers.map { |worker| worker[:pid] } - below(server.pid)
        assert_answers_of_all workers, ask(server, "/purge")[:answers]
        kill_and_see_replaced(server, workers)
      end
    end
  end

  %w[jemalloc-5.3.0 mimalloc-3.6.0].each do |key|
    define_method("test_the_figures_of_#{key.tr("-.", "__")}") do
      entry = TestAllocators[key]
      skip entry.missing if entry.missing
      PumaServer.run(rackup: WorkersApp.rackup, workers: 2, threads: 2, allocator: entry) do |server|
        workers = workers(server, 2)
        assert_equal [entry.name.to_s], workers.map { |worker| worker[:allocator] }.uniq
        answer = ask(server) { |one| one[:total].values.all? }
        assert_equal answer[:workers].sum { |worker| worker[:figures][:live] }, answer[:workers_total][:live]
        assert_equal answer[:workers_total][:live] + answer[:masters].sum { |master| master[:figures][:live] }, answer[:total][:live]
        ask(server, "/garbage")
        assert_answers_of_all workers, ask(server, "/purge")[:answers]
        tuned = ask(server, "/tune")
        assert_equal 2, tuned[:answers].size
        assert_empty tuned[:answers].map { |one| one[:outcome] } - %w[tuned partly]
      end
    end
  end

  private

  def assert_answers_of_all(workers, answers)
    assert_equal workers.map { |worker| [worker[:index], worker[:pid]] }, answers.map { |answer| answer.values_at(:index, :pid) }
    assert_empty answers.map { |answer| answer[:outcome] } - %w[released nothing], answers.inspect
    answers.each { |answer| assert_operator answer[:seconds], :>, 0 }
  end

  # PSS is what adds up: together not more than the sum of the resident sets, and more than the largest private part.
  def assert_resident(workers)
    workers.each do |worker|
      rss, pss, uss = worker[:figures].values_at(:rss, :pss, :uss)
      assert_operator uss, :<=, pss
      assert_operator pss, :<, rss
    end
  end

  def page_of(pid)
    Dir.glob("/proc/#{pid}/fd/*").filter_map { |path| File.stat(path).ino if File.readlink(path).start_with?("/memfd:allocstats") }.first
  end

  def kill_and_see_replaced(server, workers)
    killed = workers.find { |worker| !worker[:self] }
    Process.kill(:KILL, killed[:pid])
    ask(server) { |answer| living(answer).size == 2 && living(answer).none? { |worker| worker[:pid] == killed[:pid] } }
    assert_equal workers.map { |worker| worker[:index] }, ask(server)[:workers].map { |worker| worker[:index] }
  end
end
