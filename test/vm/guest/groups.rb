# frozen_string_literal: true

require_relative "guest"

# What allocstats says of real control groups of version 2.
class GroupsTest < Guest::Test
  MIB = 1 << 20

  def test_a_limit_and_its_usage
    Guest.group("limited", {"memory.max" => 200 * MIB, "memory.high" => 180 * MIB}) do |group|
      memory = inside(group, <<~RUBY).value
        kept = "x" * #{50 * MIB}
        memory = AllocStats.memory
        group = memory.cgroup
        [memory.limit.to_h, group.version, group.path, group.limit, group.high, group.usage, group.usage_raw, group.pressure, group.reasons.keys]
      RUBY
      limit, version, path, group_limit, high, usage, raw, pressure = memory
      assert_equal({bytes: 200 * MIB, source: "memory.max of #{group}"}, limit)
      assert_equal [2, group, 200 * MIB, 180 * MIB], [version, path, group_limit, high]
      assert_operator usage, :>, 50 * MIB
      assert_operator raw, :>=, 50 * MIB
      assert_equal "#{group}/memory.pressure", pressure[:source]
    end
  end

  # A pod: the container itself has no limit, the pod has one and the node's slice has a larger one.
  def test_the_limit_that_binds_is_the_smallest_of_all_above
    above = {"slice" => {"memory.max" => 900 * MIB}, "slice/pod" => {"memory.max" => 150 * MIB}}
    Guest.group("slice/pod/container", {}, above: above) do |group|
      limit = inside(group, "AllocStats.memory.limit.to_h").value
      assert_equal({bytes: 150 * MIB, source: "memory.max of #{File.dirname(group)}"}, limit)
    end
  end

  # As in a container: the group is the root of what is to be seen.
  def test_in_a_cgroup_namespace
    Guest.group("container", {"memory.max" => 120 * MIB}) do |group|
      code = "File.write('#{group}/cgroup.procs', Process.pid.to_s); exec('unshare', '--cgroup', '--mount', 'sh', '-c', " \
        "'umount /sys/fs/cgroup && mount -t cgroup2 cgroup /sys/fs/cgroup && exec ruby -Ilib -rallocstats -e " \
        "\"puts AllocStats.memory.limit.to_a.inspect\"')"
      said = ChildProcess.ruby(code, check: false)
      assert_equal "[#{120 * MIB}, \"memory.max of /sys/fs/cgroup\"]\n", said.stdout, said.stderr
    end
  end

  def test_a_kill_of_the_kernel_is_seen_by_those_that_are_left
    Guest.group("killed", {"memory.max" => 100 * MIB, "memory.swap.max" => 0}) do |group|
      victim = inside(group, "kept = []; loop { kept << 'x' * #{MIB} }", check: false)
      assert_equal "KILL", victim.signal
      events, findings = inside(group, "[AllocStats.memory.cgroup.events, AllocStats.doctor.findings.map(&:name)]").value
      assert_operator events[:oom_kill], :>=, 1
      assert_operator events[:max], :>=, 1
      assert_includes findings, "out_of_memory_kills"
    end
  end

  def test_throttling_at_memory_high_is_an_event_and_pressure
    Guest.group("throttled", {"memory.high" => 60 * MIB, "memory.max" => 200 * MIB, "memory.swap.max" => 0}) do |group|
      events, pressure = inside(group, <<~RUBY).value
        kept = []
        ends = Process.clock_gettime(Process::CLOCK_MONOTONIC) + 5
        kept << "x" * #{MIB} while kept.size < 90 && Process.clock_gettime(Process::CLOCK_MONOTONIC) < ends
        group = AllocStats.memory.cgroup
        [group.events, group.pressure]
      RUBY
      assert_operator events[:high], :>, 0
      assert_equal 0, events[:oom_kill]
      assert_operator pressure[:some][:total], :>, 0
    end
  end

  # Swapped-out pages are no part of the resident set, so the ledger sums without them, and says how many they are.
  def test_swapped_out_pages
    skip "this machine has no swap" unless File.readlines("/proc/swaps").size > 1
    Guest.group("swapping", {"memory.max" => 80 * MIB}) do |group|
      swap, resident, sum, group_swap, findings = inside(group, <<~RUBY).value
        kept = Array.new(140) { |i| (i % 256).chr * #{MIB} }
        memory = AllocStats.memory
        ledger = AllocStats.ledger
        [memory.swap, ledger.rss, ledger.layers.sum { |layer| layer.bytes.to_i }, memory.cgroup.swap, AllocStats.doctor.findings.map(&:name)]
      RUBY
      assert_operator swap, :>, 40 * MIB
      assert_equal resident, sum
      assert_operator group_swap[:usage], :>, 40 * MIB
      assert_includes findings, "swap"
    end
  end

  def test_health_warns_near_a_real_limit
    Guest.group("near", {"memory.max" => 200 * MIB, "memory.swap.max" => 0}) do |group|
      near, calm = ["kept = 'x' * #{183 * MIB}", ""].map { |held| inside(group, "#{held}; AllocStats.health(cgroup: {warn: {ratio: 0.85, bytes: 1, seconds: 0}}).status").value }
      refute_equal "pass", near
      assert_equal "pass", calm
    end
  end
end
