# frozen_string_literal: true

require "test_helper"
require "support/diagnosing"

# Threads that are just beginning at a fork, and the fault of mimalloc that meets those.
class DiagnosisForksTest < Minitest::Test
  include Diagnosing

  # A busy machine may let more than a moment go by between the two: one of these is enough.
  HASTY = "5.times { Thread.new { sleep }.name = 'of this test'; $children = [*$children, fork { sleep }] }"
  # The thread has its name only once it has begun.
  CALM = "thread = Thread.new { sleep }; sleep 0.001 until thread.stop?; sleep 0.05; $children = [fork { sleep }]"
  FORKS = "AllocStats::Diagnosis::Forks.new('/proc/self').beside_beginning_threads"

  def in_parent(code, what = FORKS, **options)
    ChildProcess.ruby("#{code}; sleep 0.1; found = #{what}; $children.each { |pid| Process.kill(:KILL, pid) }; [Process.pid, $children, found]", **options).value
  end

  def test_where_the_kernel_lists_no_children_nothing_is_claimed
    Dir.mktmpdir do |folder|
      File.write("#{folder}/stat", File.read("/proc/self/stat"))
      assert_raises(Errno::ENOENT) { AllocStats::Diagnosis::Forks.new(folder).beside_beginning_threads }
    end
  end

  def test_children_of_this_process
    parent, children, found = in_parent(HASTY)
    refute_empty found
    assert_equal [parent], found.map { |fork| fork[:parent] }.uniq
    assert_empty found.map { |fork| fork[:child] } - children
    assert_includes found.map { |fork| fork[:thread] }, "of this test"
  end

  def test_the_fork_that_this_process_came_of
    found = ChildProcess.ruby(<<~RUBY).value
      5.times do
        Thread.new { sleep }
        pid = fork or break
        exit!(0) if Process.wait2(pid)[1].success?
      end
      found = #{FORKS}
      exit!(1) if found.empty? # the next one
      [Process.pid, Process.ppid, found]
    RUBY
    pid, parent, forks = found
    assert_equal [[parent, pid]], forks.map { |fork| fork.values_at(:parent, :child) }.uniq
  end

  def test_threads_that_have_begun_and_children_that_are_other_programs
    assert_empty in_parent(CALM).last
    assert_empty in_parent("Thread.new { sleep }; $children = [spawn('sleep', '60')]").last
    assert_empty in_parent("AllocStats.start; $children = [fork { sleep }]").last
    assert_empty in_parent("$children = [fork { sleep }]").last
  end

  # As Ruby's own timer thread does from 3.3 on, within the same tick of the kernel's.
  def test_threads_that_begin_after_the_fork
    assert_empty in_parent("5.times { $children = [*$children, fork { sleep }]; Thread.new { sleep }.name = 'of this test'; sleep 0.05 }").last
  end

  # After the highest number comes a low one.
  def test_the_order_of_numbers
    forks = AllocStats::Diagnosis::Forks.new("/proc/self")
    most = Integer(File.read("/proc/sys/kernel/pid_max"))
    {[100, 101] => true, [101, 100] => false, [most - 1, 301] => true, [301, most - 1] => false}.each do |(thread, child), first|
      assert_equal first, forks.send(:before?, thread, child), [thread, child]
    end
  end

  def test_what_is_not_there
    assert_raises(Errno::ENOENT) { AllocStats::Diagnosis::Forks.new("/proc/4194305").beside_beginning_threads }
  end

  def test_the_fault_of_mimalloc
    entry = TestAllocators["mimalloc-3.6.0"]
    skip entry.missing if entry.missing
    doctor = "AllocStats.doctor.to_h"
    found = in_parent(HASTY, doctor, allocator: entry).last
    finding = assert_only :known_fault, found, evidence: /the thread "of this test" of process \d+ began less than 20 ms before process \d+ was forked/
    assert_match(/may hang/, finding[:summary])
    assert_healthy in_parent(CALM, doctor, allocator: entry).last
    assert_healthy in_parent(HASTY, doctor).last
  end
end
