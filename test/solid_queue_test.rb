# frozen_string_literal: true

require "test_helper"
require "support/puma_server"

# A real Solid Queue on SQLite: its workers run jobs inside of the application's executor, whose end is a safe point.
class SolidQueueTest < Minitest::Test
  GEMFILE = File.join(PumaServer::ROOT, "gemfiles", "solid_queue.gemfile")

  APPLICATION = <<~'RUBY'
    require "rails"
    require "active_job/railtie"
    require "active_record/railtie"
    require "solid_queue"
    require "allocstats"

    class Application < Rails::Application
      config.load_defaults 7.2
      config.root = Dir.pwd
      config.eager_load = false
      config.logger = Logger.new(nil)
      config.secret_key_base = "not secret"
      config.active_job.queue_adapter = :solid_queue
    end
    ENV["DATABASE_URL"] = "sqlite3:#{Dir.pwd}/jobs.sqlite3"
    Application.initialize!
    ActiveRecord::Schema.verbose = false
    load File.join(Gem.loaded_specs["solid_queue"].full_gem_path, "lib/generators/solid_queue/install/templates/db/queue_schema.rb")

    SolidQueue.on_worker_start { AllocStats.start }
    SolidQueue.on_worker_stop { AllocStats.stop }

    # What happens on which thread, in order.
    EVENTS = Queue.new
    class << AllocStats
      prepend(Module.new { def safe_point = super.tap { EVENTS << [:safe_point, Thread.current.object_id] } })
    end

    class Work < ActiveJob::Base
      def perform(fail)
        EVENTS << [:job, Thread.current.object_id]
        raise "made to fail" if fail
      end
    end

    [false, true, false].each { |fail| Work.perform_later(fail) }
    EVENTS.clear
    worker = SolidQueue::Worker.new(queues: "*", threads: 1, polling_interval: 0.05)
    worker.start
    started = 600.times.any? { sleep 0.05; AllocStats.started? }
    deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + 30
    until SolidQueue::Job.finished.count + SolidQueue::FailedExecution.count == 3
      raise "the jobs were not run" if Process.clock_gettime(Process::CLOCK_MONOTONIC) > deadline
      sleep 0.05
    end
    worker.stop
    events = Array.new(EVENTS.size) { EVENTS.pop }
    thread = events.assoc(:job).last
    {events: events.select { |_, id| id == thread }.map(&:first), failed: SolidQueue::FailedExecution.count, started: started, stopped: !AllocStats.started?}
  RUBY

  def test_each_job_is_followed_by_a_safe_point
    missing = PumaServer.missing(GEMFILE)
    skip missing if missing
    Dir.mktmpdir("allocstats-solid-queue") do |folder|
      environment = {"BUNDLE_GEMFILE" => GEMFILE, "RAILS_ENV" => "production", "LANG" => "C.UTF-8"}
      value = ChildProcess.ruby(APPLICATION, require: ["bundler/setup"], env: environment, chdir: folder, timeout: 120).value
      assert_equal 1, value[:failed]
      jobs = value[:events].slice_before("job").drop_while { |each| each.first != "job" }
      assert_equal 3, jobs.size
      jobs.each { |each| assert_includes each.drop(1), "safe_point", "also after the one that failed" }
      assert value[:started], "the agent runs with the worker"
      assert value[:stopped], "and ends with it"
    end
  end
end
