# frozen_string_literal: true

require "test_helper"

# What servers call their processes; test/workers_servers_test.rb asks real ones.
class ProcessTitleTest < Minitest::Test
  KNOWN = {
    "puma: cluster worker 0: 4711 [shop]" => ["worker", 0, 4711],
    "puma: cluster worker 31: 7" => ["worker", 31, 7],
    "puma 8.0.2 (tcp://127.0.0.1:3000) [shop]" => ["server", nil, nil],
    "unicorn worker[3] -c unicorn.rb config.ru" => ["worker", 3, nil],
    "unicorn_rails worker[0] -E production" => ["worker", 0, nil],
    "unicorn master -c unicorn.rb" => ["master", nil, nil],
    "pitchfork (gen:12) worker[5] - requests: 4, waiting" => ["worker", 5, nil],
    "pitchfork (gen:1) mold - ready" => ["mold", nil, nil],
    "pitchfork (gen:1) service - ready" => ["service", nil, nil],
    "pitchfork monitor - -c pitchfork.rb" => ["master", nil, nil],
    "<pitchfork fork_sibling(spawn_worker)>" => ["passing", nil, nil]
  }.freeze

  UNKNOWN = ["", "ruby bin/rails console", "ruby script worker[3]", "grep puma: cluster worker 0: 1", "sidekiq 7.3 shop [0 of 5 busy]", "puma: something", "\xFF\xFE"].freeze

  def test_known_titles
    KNOWN.each do |title, (name, index, told)|
      title_of = AllocStats::Agent::ProcessTitle.of(title.b)
      assert_equal [name, index, told], [title_of.name, title_of.index, title_of.told], title
      assert_equal name == "worker", title_of.worker?
    end
  end

  def test_titles_that_say_nothing
    UNKNOWN.each { |title| assert_nil AllocStats::Agent::ProcessTitle.of(title.b), title.inspect }
  end

  def test_the_master_is_the_parent_unless_the_title_tells_of_another
    title_of = ->(title) { AllocStats::Agent::ProcessTitle.of(title).master }
    assert_equal Process.ppid, title_of.call("unicorn worker[0]")
    assert_equal Process.ppid, title_of.call("puma: cluster worker 0: #{Process.ppid}")
    assert_nil title_of.call("puma: cluster worker 0: #{Process.pid}"), "a worker that another worker has forked"
    assert_nil title_of.call("unicorn master")
  end

  def test_a_title_as_it_is_now
    titles = ChildProcess.ruby(%(before = AllocStats::Agent::ProcessTitle.text; Process.setproctitle("unicorn worker[1] -c x"); [before, AllocStats::Agent::ProcessTitle.text]), arguments: ["here"]).value
    assert_match(/ruby.* here\z/m, titles[0])
    assert_equal "unicorn worker[1] -c x", titles[1]
    assert_equal "", AllocStats::Agent::ProcessTitle.text(0)
  end
end
