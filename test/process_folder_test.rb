# frozen_string_literal: true

require "test_helper"
require "tmpdir"

class ProcessFolderTest < Minitest::Test
  Folder = AllocStats::Procfs::Folder

  LINE = "4711 (%s) S 4710 4711 4700 0 -1 4194368 1 2 3 4 5 6 7 8 20 0 3 0 2469227 220000000 3333 18446744073709551615\n"

  def test_the_fields_behind_a_name_that_may_hold_anything
    ["ruby", "a b", ")", ") S 1 2 3", "(x) (y)", "", "x\n) Z 1", "\xff\xfe"].each do |name|
      stat = Folder::Stat.new(format(LINE, name.b).b)
      assert_equal [4711, "S", 4710, 2_469_227, true], [stat.pid, stat.state, stat.parent, stat.start_time, stat.forked?], name.inspect
    end
  end

  def test_what_is_no_such_text
    ["", "4711 ruby S", "4711 (ruby) ", "\xff"].each do |text|
      stat = Folder::Stat.new(text.b)
      assert_equal [nil, nil, nil, false], [stat.state, stat.parent, stat.start_time, stat.forked?], text.inspect
    end
  end

  def test_this_process
    own = Folder.new("/proc/self")
    assert_equal Process.ppid, own.stat.parent
    assert_equal Folder.new("/proc/#{Process.pid}").stat.start_time, own.stat.start_time
    assert_equal Process.pid.to_s, own.status["Pid"]
    assert_operator own.peak, :>=, AllocStats.sample.rss / 2
    thread = Thread.new { sleep }.tap { |begun| begun.name = "of this test" }
    Thread.pass until thread.stop?
    assert_equal 1, own.thread_names["of this test"]
    assert_equal own.name, own.tasks.fetch(Process.pid).name
    refute_predicate own.stat, :forked?
    pid = fork { sleep }
    assert_predicate Folder.new("/proc/#{pid}").stat, :forked?
  ensure
    thread&.kill&.join
    Process.kill(:KILL, pid) && Process.wait(pid) if pid
  end

  def test_a_made_folder
    Dir.mktmpdir do |path|
      File.binwrite("#{path}/status", "Name:\todd: name\nVmHWM:\t   13640 kB\nThreads:\t1\n")
      assert_equal({"Name" => "odd: name", "VmHWM" => "13640 kB", "Threads" => "1"}, Folder.new(path).status)
      assert_equal 13_640 * 1024, Folder.new(path).peak
      File.binwrite("#{path}/status", "Name:\tkthreadd\n")
      assert_nil Folder.new(path).peak
      assert_equal({}, Folder.new(path).thread_names)
      assert_raises(Errno::ENOENT) { Folder.new(path).stat }
    end
  end
end
