# frozen_string_literal: true

require "test_helper"
require "support/thread_names"

class AfterForkTest < Minitest::Test
  # jemalloc's own threads, by the names it gives them.
  BACKGROUND = <<~RUBY
    background = -> { #{ThreadNames::JEMALLOCS} }
    in_child = lambda do |&look|
      reader, writer = IO.pipe
      pid = fork { reader.close; sleep 0.05; writer.write(Marshal.dump(look.call)); writer.close; exit!(0) }
      writer.close
      answer = Marshal.load(reader.read)
      Process.wait(pid)
      answer
    end
  RUBY

  TestAllocators.select { |entry| entry.name == :jemalloc }.each do |entry|
    define_method("test_#{entry.key}_has_its_background_threads_back_in_a_child") do
      skip entry.missing if entry.missing
      here, child, grandchild = ChildProcess.ruby(<<~RUBY, allocator: entry, env: {"MALLOC_CONF" => "background_thread:true,dirty_decay_ms:777"}).value
        #{BACKGROUND}
        [background.call, in_child.call { background.call }, in_child.call { in_child.call { background.call } }]
      RUBY
      assert_operator here, :>=, 1
      assert_operator child, :>=, 1
      assert_operator grandchild, :>=, 1
    end

    define_method("test_#{entry.key}_without_background_threads_gets_none") do
      skip entry.missing if entry.missing
      assert_equal [0, 0], ChildProcess.ruby("#{BACKGROUND}; [background.call, in_child.call { background.call }]", allocator: entry).value
    end

    define_method("test_#{entry.key}_would_lose_them_without_the_repair") do
      skip entry.missing if entry.missing
      code = "#{BACKGROUND}; module AllocStats::AfterFork; def self.repair = false; end; in_child.call { background.call }"
      assert_equal 0, ChildProcess.ruby(code, allocator: entry, env: {"MALLOC_CONF" => "background_thread:true"}).value
    end
  end

  def test_a_daemon_has_them_back
    entry = TestAllocators["jemalloc-5.3.0"]
    skip entry.missing if entry.missing
    count = ChildProcess.ruby(<<~RUBY, allocator: entry, env: {"MALLOC_CONF" => "background_thread:true"}).value
      #{BACKGROUND}
      in_child.call { Process.daemon(true, true); 100.times { background.call.zero? ? sleep(0.05) : break }; background.call }
    RUBY
    assert_operator count, :>=, 1
  end

  # What a child must find as its parent had it: an environment, and a question that is true while it is in force.
  SETTINGS = {
    jemalloc: [{"MALLOC_CONF" => "background_thread:true,dirty_decay_ms:777"},
      "AllocStats.mallctl('arenas.dirty_decay_ms') == 777 && AllocStats.mallctl('background_thread')"],
    mimalloc: [{"MIMALLOC_PURGE_DELAY" => "321", "MIMALLOC_DECOMMIT_DELAY" => "321"},
      "[:purge_delay, :decommit_delay].any? { |name| AllocStats.mi_option(name) == 321 rescue false }"]
  }.freeze

  # FORKS=10000 for the long run.
  TestAllocators.each do |entry|
    define_method("test_forks_of_#{entry.key}_while_threads_allocate") do
      skip entry.missing if entry.missing
      env, held = SETTINGS.fetch(entry.name, [{}, "true"])
      forks = Integer(ENV.fetch("FORKS", 100))
      failed = ChildProcess.ruby(<<~RUBY, allocator: entry, env: env, timeout: 60 + forks / 5).value
        stop = false
        threads = Array.new(4) { Thread.new { (Array.new(20) { "x" * rand(9000) }; sleep 0.0003) until stop } }
        sampler = Thread.new { sample = AllocStats.sample; (sample.refresh; sleep 0.0003) until stop }
        failed = (1..#{forks}).count do
          pid = fork do
            kept = AllocStats.sample.rss && AllocStats.memory.rss && Array.new(50) { "y" * 3000 }
            exit!(kept.size == 50 && (#{held}) ? 0 : 1)
          end
          !Process.wait2(pid).last.success?
        end
        stop = true
        [*threads, sampler].each(&:join)
        failed
      RUBY
      assert_equal 0, failed
    end
  end
end
