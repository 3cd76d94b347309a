# frozen_string_literal: true

require "test_helper"
require "support/puma_server"
require "support/redis_server"

# A real Sidekiq with a real Redis: what it logs of its jobs, and what a purge reaches in its threads.
class SidekiqTest < Minitest::Test
  APPLICATION = <<~'RUBY'
    require "sidekiq"
    require "allocstats/sidekiq"

    Sidekiq.configure_server do |config|
      AllocStats::Sidekiq.install(config)
      config.logger.formatter = Sidekiq::Logger::Formatters::JSON.new
      config.on(:startup) { puts "agent #{AllocStats.started?}" }
      at_exit { puts "agent #{AllocStats.started?}" }
    end

    # Counts safe points without changing them.
    class << AllocStats
      prepend(Module.new { def safe_point = super.tap { $safe_points = $safe_points.to_i + 1 } })
    end

    class Work
      include Sidekiq::Job
      sidekiq_options retry: false

      def perform(bytes)
        raise "made to fail" if bytes.zero?
        "x" * bytes
      end
    end

    class Last
      include Sidekiq::Job

      def perform
        puts "safe points #{$safe_points}, on a thread that runs jobs: #{Thread.current.name || true}"
        Process.kill(:TERM, Process.pid)
      end
    end
  RUBY

  BYTES = 3_000_000

  # Three jobs, one of which fails, and one that ends the server; by one thread, so one after the other.
  def run_jobs(allocator)
    skip RedisServer.missing if RedisServer.missing
    Dir.mktmpdir("allocstats-sidekiq") do |folder|
      File.write("#{folder}/application.rb", APPLICATION)
      RedisServer.run do |url|
        env = {"REDIS_URL" => url, "BUNDLE_GEMFILE" => PumaServer::GEMFILE, "RUBYLIB" => ChildProcess::LIB, "LANG" => "C.UTF-8"}
        push = "Work.perform_async(#{BYTES}); Work.perform_async(0); Work.perform_async(#{BYTES}); Last.perform_async"
        ChildProcess.command("bundle", "exec", "ruby", "-rbundler/setup", "-r./application.rb", "-e", push, env: env, chdir: folder)
        ChildProcess.command("bundle", "exec", "sidekiq", "-r", "./application.rb", "-c", "1", "-t", "5", allocator: allocator, env: env, chdir: folder, timeout: 60)
      end
    end
  end

  # The contexts of the lines that end a job of this class.
  def ended(result, name)
    lines = result.stdout.lines.select { |line| line.start_with?("{") }.map { |line| JSON.parse(line, symbolize_names: true) }
    lines.select { |line| %w[done fail].include?(line[:msg]) && line.dig(:ctx, :class) == name }.map { |line| line[:ctx].merge(msg: line[:msg]) }
  end

  def assert_hooks(result)
    assert_equal ["done", "fail", "done"], ended(result, "Work").map { |line| line[:msg] }, result.stdout
    assert_match(/^safe points 3,/, result.stdout, "one after each job, also after the one that failed")
    assert_equal ["agent true", "agent false"], result.stdout.lines(chomp: true).grep(/\Aagent/)
  end

  def test_jobs_under_an_allocator_that_counts_by_thread
    entry = TestAllocators["jemalloc"]
    skip entry.missing if entry.missing
    result = run_jobs(entry)
    assert_hooks(result)
    done, failed, = ended(result, "Work")
    assert_operator done[:malloc_bytes], :>=, BYTES
    assert_operator failed[:malloc_bytes], :<, BYTES
  end

  def test_jobs_under_one_that_does_not
    result = run_jobs(nil)
    assert_hooks(result)
    assert_equal [nil], ended(result, "Work").map { |line| line[:malloc_bytes] }.uniq
  end

  def test_nothing_of_sidekiq_is_loaded_by_us
    assert_equal [false, true], ChildProcess.ruby('require "allocstats/sidekiq"; [Object.const_defined?(:Sidekiq), AllocStats::Sidekiq.respond_to?(:install)]').value
  end
end
