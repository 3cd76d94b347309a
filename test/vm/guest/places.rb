# frozen_string_literal: true

require_relative "guest"

# Places that a hardened container is: another user's processes hidden, a root that cannot be written to.
class PlacesTest < Guest::Test
  NOBODY = 65_534
  ASK = "report = AllocStats.report.to_s; memory = AllocStats.memory; " \
    "[report.include?('resident'), memory.rss, AllocStats.ledger.rss, AllocStats.workers.size, AllocStats.start(interval: 0.05), " \
    "AllocStats.purge.outcome, AllocStats.doctor.verdict, (begin AllocStats.doctor(pid: 1).verdict rescue AllocStats::Error => error; error.class.name end)]"

  def test_under_hidepid_as_another_user
    system("mount -o remount,hidepid=2 /proc") or skip "this kernel cannot hide processes"
    shown, rss, resident, workers, started, outcome, verdict, other = ChildProcess.ruby("Process::Sys.setgid(#{NOBODY}); Process::Sys.setuid(#{NOBODY}); #{ASK.gsub(/begin (.*?) rescue (.*?); (.*?) end/, "begin; \\1; rescue \\2; \\3; end")}").value
    assert shown
    assert_operator rss, :>, 0
    assert_operator resident, :>, 0
    assert_equal 1, workers
    assert started
    assert_includes %w[released nothing], outcome
    assert_kind_of String, verdict
    assert_match(/Gone|NotPermitted/, other)
  ensure
    system("mount -o remount,hidepid=0 /proc")
  end

  def test_on_a_root_that_cannot_be_written_to
    system("mount -o remount,ro /") or skip "the root cannot be made read-only"
    outcome, started, report = ChildProcess.ruby("[AllocStats.purge(gc: true).outcome, AllocStats.start(interval: 0.05), AllocStats.report.to_s]").value
    assert_includes %w[released nothing], outcome
    assert started
    assert_includes report, "Where the resident memory is"
  ensure
    system("mount -o remount,rw /")
  end
end
