# frozen_string_literal: true

require "test_helper"
require "support/made_tree"

class CgroupTest < Minitest::Test
  WEB = "sys/fs/cgroup/app.slice/web"

  def read(name = "container_v2", **files)
    MadeTree.changed(name, files.transform_keys(&:to_s)) { |root| AllocStats::Cgroup.read(root: root) }
  end

  def web(file) = :"#{WEB}/#{file}"

  def test_version_2
    cgroup = read
    assert_equal 2, cgroup.version
    assert_equal "/#{WEB}", cgroup.path
    assert_equal 536_870_912, cgroup.limit
    assert_match %r{\Amemory\.max of /.*/sys/fs/cgroup/app\.slice\z}, cgroup.limit_source
    assert_equal 402_653_184, cgroup.high
    assert_match %r{/app\.slice/web\z}, cgroup.high_source
    assert_equal 251_658_240, cgroup.usage_raw
    assert_equal 180_000_000 + 65_536 + 12_582_912, cgroup.usage
    assert_equal "anon + sock + kernel of memory.stat", cgroup.usage_definition
    assert_equal({low: 0, high: 17, max: 2, oom: 1, oom_kill: 1}, cgroup.events)
    assert_equal 0, cgroup.swap[:limit]
    assert_equal 4096, cgroup.swap[:usage]
    assert_equal({avg10: 1.53, avg60: 0.87, avg300: 0.21, total: 5_839_112}, cgroup.pressure[:some])
    assert_equal({avg10: 0.4, avg60: 0.22, avg300: 0.05, total: 1_402_998}, cgroup.pressure[:full])
    assert_match %r{/app\.slice/web/memory\.pressure\z}, cgroup.pressure[:source]
    assert_equal [:memory_and_swap_limit], cgroup.reasons.keys
  end

  def test_version_1
    cgroup = read("host_v1")
    assert_equal 1, cgroup.version
    assert_equal "/sys/fs/cgroup/memory/docker/c1", cgroup.path
    assert_equal 134_217_728, cgroup.limit
    assert_match(/\Ahierarchical_memory_limit of .*memory\.stat\z/, cgroup.limit_source)
    assert_equal 104_857_600 + 8192 + 4_194_304, cgroup.usage
    assert_match(/total_rss/, cgroup.usage_definition)
    assert_equal 201_326_592, cgroup.usage_raw
    assert_equal({low: nil, high: nil, max: 31, oom: nil, oom_kill: 3}, cgroup.events)
    assert_equal({limit: nil, limit_source: nil, usage: 12_288, memory_and_swap_limit: 536_870_912}, cgroup.swap)
    assert_nil cgroup.high
    assert_nil cgroup.pressure
    assert_equal [:event_high, :event_low, :event_oom, :high, :pressure, :swap_limit], cgroup.reasons.keys.sort
  end

  def test_version_1_by_the_folders_where_memory_stat_tells_no_limit_above
    stat = "total_rss 104857600\nhierarchical_memory_limit 9223372036854771712\n"
    cgroup = read("host_v1", "sys/fs/cgroup/memory/docker/c1/memory.stat": stat)
    assert_equal 268_435_456, cgroup.limit
    assert_match %r{memory\.limit_in_bytes of .*/docker/c1\z}, cgroup.limit_source
  end

  def test_no_limit_is_nil_and_says_so
    cgroup = read(web("memory.max") => "max\n", :"sys/fs/cgroup/app.slice/memory.max" => "max\n")
    assert_nil cgroup.limit
    assert_nil cgroup.limit_source
    assert_match(/says that there is no limit/, cgroup.reasons[:limit])
  end

  def test_a_kernel_without_a_sum_of_its_own_memory
    stat = "anon 1000\nfile 5\nkernel_stack 10\npagetables 20\npercpu 30\nsock 40\nslab 100\n"
    cgroup = read(web("memory.stat") => stat)
    assert_equal 160, cgroup.kernel
    assert_equal 1200, cgroup.usage
    assert_match(/sum of kernel_stack, slab, pagetables, percpu/, cgroup.usage_definition)
    refute_includes cgroup.reasons, :kernel

    cgroup = read(web("memory.stat") => stat.sub("percpu 30\n", ""))
    assert_nil cgroup.kernel
    assert_nil cgroup.usage
    assert_nil cgroup.usage_definition
    assert_match(/has no line kernel\z/, cgroup.reasons[:kernel])
    assert_includes cgroup.reasons, :usage
  end

  def test_odd_files_are_nil_and_a_reason
    ["", "-1\n", "abc\n", "1 2\n", "\0\0\0", "9" * 40, "x" * (1 << 20)].each do |odd|
      cgroup = read(web("memory.current") => odd, web("memory.stat") => odd, web("memory.events") => odd, web("memory.pressure") => odd)
      [:usage_raw, :usage, :anon, :sock, :kernel, :pressure, :event_oom].each { |name| assert cgroup.reasons[name], "#{name} of #{odd[0, 9].inspect}" }
      [cgroup.usage_raw, cgroup.usage, cgroup.anon, cgroup.pressure, cgroup.events[:oom]].each { |value| assert_nil value }
      assert_equal 536_870_912, cgroup.limit
    end
  end

  def test_a_folder_or_a_pipe_in_place_of_a_file
    cgroup = read(web("memory.current") => :folder, web("memory.events") => :pipe)
    assert_match(/Is a directory/, cgroup.reasons[:usage_raw])
    assert_match(/Invalid argument/, cgroup.reasons[:event_oom])
  end

  def test_a_limit_that_cannot_be_read_above_is_told
    cgroup = read("sys/fs/cgroup/app.slice/memory.max": "odd\n")
    assert_equal 1_073_741_824, cgroup.limit
    assert_match(/a smaller limit there would not be seen/, cgroup.reasons[:limit])
  end

  def test_no_controller_in_sight
    {
      {"proc/self/cgroup": nil} => /cgroup cannot be read: No such file/,
      {"proc/self/mountinfo": nil} => /mountinfo cannot be read: No such file/,
      {"proc/self/cgroup": "odd"} => /cgroup is not understood from line 1/,
      {"proc/self/mountinfo": "1 2 3 / / rw - ext4 x rw\n"} => /no control group with a memory controller/,
      {"sys/fs/cgroup": nil} => /no control group with a memory controller/
    }.each do |files, reason|
      cgroup = read(**files)
      assert_nil cgroup.version
      assert_nil cgroup.path
      [:limit, :usage, :usage_raw, :high, :anon].each { |name| assert_nil cgroup.public_send(name) }
      assert_match reason, cgroup.reasons[:version]
      assert_match reason, cgroup.reasons[:limit]
      assert_equal [nil], cgroup.events.values.uniq
      assert_match(/none/, cgroup.inspect)
    end
  end

  def test_this_process
    cgroup = AllocStats::Cgroup.read
    skip cgroup.reasons[:version] unless cgroup.version
    assert File.directory?(cgroup.path)
    files = {1 => "memory.usage_in_bytes", 2 => "memory.current"}
    now = "#{cgroup.path}/#{files[cgroup.version]}"
    assert_in_delta File.read(now).to_i, cgroup.usage_raw, 256 << 20 if File.exist?(now)
    assert_operator cgroup.usage, :<=, cgroup.usage_raw if cgroup.version == 2 && cgroup.usage && cgroup.usage_raw
  end

  def test_everything_that_is_nil_has_a_reason
    [AllocStats::Cgroup.read, read, read("host_v1")].each do |cgroup|
      names = cgroup.to_h.select { |_, value| value.nil? }.keys - [:limit_source, :high_source, :usage_definition, :path]
      names += cgroup.events.select { |_, value| value.nil? }.keys.map { |name| :"event_#{name}" }
      assert_empty names - cgroup.reasons.keys
    end
  end

  def test_it_is_a_value
    cgroup = read
    assert_predicate cgroup, :frozen?
    [cgroup.events, cgroup.swap, cgroup.pressure, cgroup.reasons].each { |part| assert_predicate part, :frozen? }
    assert_match(/\A#<AllocStats::Cgroup v2 /, cgroup.inspect)
    assert_raises(AllocStats::InvalidValue) { AllocStats::Cgroup.read(root: nil) }
  end
end
