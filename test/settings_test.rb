# frozen_string_literal: true

require "test_helper"
require "tmpdir"
require "support/compiled"

class SettingsTest < Minitest::Test
  ROWS = "AllocStats.settings.map { |setting| [setting.source, setting.name, setting.state, setting.in_force, setting.reason, setting.asked, setting.allocator] }"

  # The variables that every allocator reads for itself, and none of the others.
  VARIABLES = {
    jemalloc: {"MALLOC_CONF" => "dirty_decay_ms:777"}, mimalloc: {"MIMALLOC_SHOW_ERRORS" => "0"},
    glibc: {"MALLOC_ARENA_MAX" => "3", "GLIBC_TUNABLES" => "glibc.malloc.mxfast=64"}, tcmalloc: {"TCMALLOC_RELEASE_RATE" => "3"}
  }.freeze

  # {[source, name] => [state, in_force, reason, asked, allocator]}
  def rows(key, env, code = ROWS, before: "")
    entry = TestAllocators[key]
    skip entry.missing if entry.missing
    ChildProcess.ruby("#{before}; #{code}", allocator: entry, env: env).value.to_h { |source, name, *rest| [[source, name], rest] }
  end

  # {name => state} of one variable.
  def states(key, env, **options)
    rows(key, env, **options).to_h { |(_, name), (state, *)| [name, state] }
  end

  TestAllocators.each do |entry|
    define_method("test_#{entry.key}_has_what_it_reads_in_force_and_nothing_of_the_others") do
      all = VARIABLES.values.reduce(:merge)
      rows = rows(entry.key, all)
      assert_equal all.size, rows.size
      own, others = rows.partition { |_, row| row[4] == entry.name.name }
      assert_equal VARIABLES[entry.name].keys.sort, own.map { |(source, _), _| source }.sort
      own.each { |_, (state, in_force, *)| assert_equal ["in_force", true], [state, !in_force.nil?] }
      others.each do |(source, _), (state, in_force, reason, _, allocator)|
        assert_equal ["no_effect", nil], [state, in_force], source
        assert_equal "it is #{allocator}'s, and #{entry.name} #{entry.version} runs this process", reason
      end
      assert_equal own.map(&:first), rows.keys.first(own.size), "those of the running allocator come first"
    end

    define_method("test_#{entry.key}_without_anything_asked_for") do
      skip entry.missing if entry.missing
      empty, certain, text = ChildProcess.ruby("settings = AllocStats.settings; [settings.to_a.empty?, settings.certain?, settings.inspect]", allocator: entry).value
      assert empty
      assert certain
      assert_equal "#<AllocStats::Settings nothing was asked for>", text
    end
  end

  def test_every_state_is_met_under_jemalloc
    env = {"MALLOC_CONF" => "narenas:4,narenas:0,dirty_decay_ms:500,muzzy_decay_ms:300,muzzy_decay_ms:400,slab_sizes:1-64:1,thp:sometimes,retain:maybe," \
      "tcache_max:99999999999,hpa_purge_threshold:8192,lg_chunk:21,narena:2,lg_tcache_max:14,background_thread=true,tcache:false"}
    rows = rows("jemalloc-5.3.0", env, before: "AllocStats.tune(dirty_decay_ms: 900)")
    state = ->(name) { rows.fetch(["MALLOC_CONF", name])[0, 2] }
    assert_equal ["changed", 900], state["dirty_decay_ms"]
    assert_equal ["in_force", 400], state["muzzy_decay_ms"]
    assert_equal ["adjusted", 4], state["narenas"], "jemalloc takes none, and keeps the one before"
    assert_equal ["unreadable", nil], state["slab_sizes"]
    assert_equal ["malformed", "default"], state["thp"]
    assert_equal "thp takes default, always and never", rows[["MALLOC_CONF", "thp"]][2]
    assert_equal ["malformed", true], state["retain"]
    assert_equal "other_version", state["hpa_purge_threshold"][0]
    assert_equal "other_version", state["lg_chunk"][0]
    assert_equal "unknown_key", state["narena"][0]
    assert_match(/did you mean narenas/, rows[["MALLOC_CONF", "narena"]][2])
    assert_equal "malformed", state["background_thread"][0]
    assert_equal "background_thread=true,tcache:false", rows[["MALLOC_CONF", "background_thread"]][3], "jemalloc stops reading there"
    assert_equal "in_force", state["lg_tcache_max"][0]
  end

  def test_what_a_later_pair_of_the_same_key_overrides
    skip TestAllocators["jemalloc-5.3.0"].missing if TestAllocators["jemalloc-5.3.0"].missing
    list = ChildProcess.ruby(ROWS, allocator: TestAllocators["jemalloc-5.3.0"], env: {"MALLOC_CONF" => "narenas:2,dirty_decay_ms:0x10,narenas:3"}).value
    assert_equal [["narenas", "overridden", 3], ["dirty_decay_ms", "in_force", 16], ["narenas", "in_force", 3]], list.map { |_, name, state, now| [name, state, now] }
    assert_equal "MALLOC_CONF says narenas:3 after it", list[0][4]
  end

  # What jemalloc itself says of a text, on stderr, is what its state has to agree with.
  def test_jemalloc_complains_of_exactly_what_is_called_wrong
    TestAllocators.select { |entry| entry.name == :jemalloc }.each do |entry|
      next if entry.missing
      {
        "narenas:2" => nil, "narenas:two" => "malformed", "thp:no" => "malformed", "background_thread:1" => "malformed", "nosuch:1" => "unknown_key", "decay_time:3" => "other_version",
        "narenas" => "malformed", "dirty_decay_ms:-5" => "adjusted", "dirty_decay_ms:010" => nil, "dirty_decay_ms:08" => "malformed", "metadata_thp:auto" => nil, "percpu_arena:percpu" => nil,
        "tcache_nslots_large:30" => nil, "zero_realloc:abort" => nil, "junk:free" => nil, "stats_print_opts:a" => nil, "dss:disabled" => nil, "lg_extent_max_active_fit:6" => nil,
        "cache_oblivious:true" => ("other_version" if entry.version == "5.3.0")
      }.each do |text, wrong|
        child = ChildProcess.ruby("AllocStats.settings.map { |setting| [setting.state, setting.name] }", allocator: entry, env: {"MALLOC_CONF" => text})
        assert_equal 1, child.value.size, text
        assert_equal wrong || "in_force", child.value.dig(0, 0), "#{entry.key} #{text}"
        assert_equal !wrong.nil?, child.stderr.include?("<jemalloc>"), "#{entry.key} #{text}: #{child.stderr}"
      end
    end
  end

  # In a mount namespace of its own, where /etc holds one file more.
  def test_the_file_of_jemalloc
    entry = TestAllocators["jemalloc-5.3.0"]
    skip entry.missing if entry.missing
    Dir.mktmpdir do |folder|
      File.symlink("narenas:3,dirty_decay_ms:123", File.join(folder, "malloc.conf"))
      enter = ["unshare", "-m", "sh", "-c", "mount -t overlay overlay -o lowerdir=#{folder}:/etc /etc && exec \"$@\"", "sh"]
      skip "this process may not mount anything" unless system(*enter, "true", out: File::NULL, err: File::NULL)
      code = "puts JSON.generate(AllocStats.settings.map { |setting| [setting.source, setting.name, setting.state, setting.in_force] })"
      [[entry, "in_force", 3], [TestAllocators["glibc"], "no_effect", nil]].each do |allocator, state, narenas|
        env = {"LD_PRELOAD" => allocator.path, "MALLOC_CONF" => "dirty_decay_ms:5"}.compact
        output = ChildProcess.command(*enter, "env", *env.map { |pair| pair.join("=") }, RbConfig.ruby, "-I#{ChildProcess::LIB}", "-rjson", "-rallocstats", "-e", code).stdout
        expected = [["/etc/malloc.conf", "narenas", state, narenas], ["/etc/malloc.conf", "dirty_decay_ms", (state == "in_force") ? "overridden" : state, narenas && 5], ["MALLOC_CONF", "dirty_decay_ms", state, narenas && 5]]
        assert_equal expected, JSON.parse(output)
      end
    end
  end

  def test_settings_that_a_program_brings_along_for_jemalloc
    entry = TestAllocators["jemalloc-5.3.1"]
    skip entry.missing if entry.missing
    preload = {"LD_PRELOAD" => "#{Compiled.library("compiled_in_settings")}:#{entry.path}", "MALLOC_CONF" => "dirty_decay_ms:5"}
    list = ChildProcess.ruby("AllocStats.settings.map { |setting| [setting.source, setting.name, setting.state, setting.in_force] }", env: preload).value
    place = "malloc_conf of the program"
    assert_equal [[place, "narenas", "in_force", 3], [place, "dirty_decay_ms", "overridden", 5], ["MALLOC_CONF", "dirty_decay_ms", "in_force", 5]], list
  end

  def test_every_state_is_met_under_mimalloc
    env = {"MIMALLOC_PURGE_DELAY" => "7", "mimalloc_reset_delay" => "9", "MIMALLOC_DECOMMIT_DELAY" => "8", "MIMALLOC_ARENA_PURGE_MIN_SIZE" => "64KiB",
           "MIMALLOC_MAX_ERRORS" => "5", "MIMALLOC_SHOW_STAT" => "1", "MIMALLOC_MAX_WARNINGS" => "many", "MIMALLOC_PAGE_FULL_RETAIN" => "99",
           "MIMALLOC_EAGER_COMMIT" => "1", "MIMALLOC_LIMIT_OS_ALLOC" => "off", "MIMALLOC_GENERIC_COLLECT" => "500"}
    states = states("mimalloc-3.6.0", env, before: "AllocStats.tune(generic_collect: 600)")
    assert_equal({
      "purge_delay" => "in_force", "reset_delay" => "overridden", "decommit_delay" => "other_version", "arena_purge_min_size" => "in_force", "max_errors" => "in_force",
      "show_stat" => "unknown_key", "max_warnings" => "malformed", "page_full_retain" => "adjusted", "eager_commit" => "other_version", "limit_os_alloc" => "in_force",
      "generic_collect" => "changed"
    }, states.merge("page_full_retain" => states["page_full_retain"].sub("in_force", "adjusted")))
  end

  # mimalloc says at its start, when it is told to be verbose, what it made of every variable.
  def test_mimalloc_has_what_its_settings_say
    env = {"MIMALLOC_VERBOSE" => "1", "MIMALLOC_RESERVE_HUGE_OS_PAGES_AT" => "2", "MIMALLOC_MAX_ERRORS" => "YES", "MIMALLOC_MAX_WARNINGS" => "", "MIMALLOC_OS_TAG" => "120",
           "MIMALLOC_ARENA_RESERVE" => "5MiB", "MIMALLOC_MINIMAL_PURGE_SIZE" => "64", "MIMALLOC_RESET_DELAY" => "33", "MIMALLOC_RESET_DECOMMITS" => "0", "MIMALLOC_LARGE_OS_PAGES" => "0",
           "MIMALLOC_ABANDONED_PAGE_RESET" => "1", "MIMALLOC_DECOMMIT_EXTEND_DELAY" => "2", "MIMALLOC_ABANDONED_RECLAIM_ON_FREE" => "0", "MIMALLOC_EAGER_REGION_COMMIT" => "1", "MIMALLOC_SHOW_STATS" => "x"}
    TestAllocators.select { |entry| entry.name == :mimalloc }.each do |entry|
      next if entry.missing
      child = ChildProcess.ruby(ROWS, allocator: entry, env: env)
      printed = child.stderr.scan(/option '(\w+)': (-?\d+)/).to_h
      renamed = child.stderr.scan(/"mimalloc_(\w+)" is deprecated -- use "mimalloc_(\w+)"/).to_h
      refused = child.stderr.scan(/option mimalloc_(\w+) has an invalid value/).flatten
      assert_equal env.size, child.value.size
      child.value.each do |source, name, state, in_force|
        option = renamed[name] || name
        case state
        when "in_force" then assert_equal printed.fetch(option), in_force.to_s, "#{entry.key} #{source}"
        when "malformed" then assert_includes refused, name
        when "other_version" then refute renamed.key?(name) && printed.key?(option) && !option.start_with?("deprecated_"), "#{entry.key} #{source}"
        else flunk "#{entry.key} #{source} is #{state}"
        end
      end
    end
  end

  def test_every_state_is_met_under_glibc
    env = {"MALLOC_ARENA_MAX" => "2", "MALLOC_TOP_PAD_" => "lots", "MALLOC_MMAP_MAX_" => "100", "MALLOC_TRIM_THRESHOLD_" => "131072", "MALLOC_ARENAS_MAX" => "2", "MALLOC_PERTURB_" => "999",
           "MALLOC_CHECK_" => "3", "GLIBC_TUNABLES" => "glibc.malloc.arena_max=3:glibc.malloc.arena=1:glibc.malloc.mxfast=64:glibc.malloc.tcache_max:glibc.pthread.rseq=0"}
    rows = rows("glibc", env, before: "AllocStats.tune(trim_threshold: 262_144)")
    state = ->(source, name) { rows.fetch([source, name])[0, 2] }
    assert_equal ["overridden", nil], state["MALLOC_ARENA_MAX", "arena_max"]
    assert_equal ["in_force", 3], state["GLIBC_TUNABLES", "arena_max"]
    assert_equal ["in_force", 64], state["GLIBC_TUNABLES", "mxfast"]
    assert_equal ["malformed", nil], state["MALLOC_TOP_PAD_", "top_pad"]
    assert_equal ["malformed", nil], state["MALLOC_PERTURB_", "perturb"]
    assert_equal ["in_force", 100], state["MALLOC_MMAP_MAX_", "mmap_max"]
    assert_equal ["changed", 262_144], state["MALLOC_TRIM_THRESHOLD_", "trim_threshold"]
    assert_equal ["unknown_key", nil], state["MALLOC_ARENAS_MAX", "arenas_max"]
    assert_match(/did you mean MALLOC_ARENA_MAX/, rows[["MALLOC_ARENAS_MAX", "arenas_max"]][2])
    assert_equal ["unknown_key", nil], state["GLIBC_TUNABLES", "glibc.malloc.arena"]
    assert_equal ["malformed", nil], state["GLIBC_TUNABLES", "tcache_max"]
    assert_equal ["other_version", nil], state["MALLOC_CHECK_", "check"]
    assert_equal env.size + 3, rows.size, "what is of other parts of glibc is left out"
  end

  # ld.so tells what glibc makes of an environment.
  def test_glibc_makes_of_the_environment_what_the_settings_say
    linker = Dir["/lib*/ld-linux*.so.*"].first
    skip "no ld.so is where it is looked for" unless linker
    env = {"MALLOC_ARENA_MAX" => "2", "MALLOC_TRIM_THRESHOLD_" => "0x20000", "MALLOC_MMAP_THRESHOLD_" => "010", "GLIBC_TUNABLES" => "glibc.malloc.arena_max=3:glibc.malloc.top_pad=77:glibc.malloc.arena_test=0"}
    listed = ChildProcess.command(linker, "--list-tunables", env: env).stdout.scan(/^(glibc\.malloc\.\w+): (\S+)/).to_h { |name, value| [name, Integer(value)] }
    rows = rows("glibc", env)
    in_force = rows.select { |_, (state, *)| state == "in_force" }
    assert_equal({"arena_max" => 3, "trim_threshold" => 131_072, "mmap_threshold" => 8, "top_pad" => 77}, in_force.to_h { |(_, name), (_, value)| [name, value] })
    in_force.each { |(_, name), (_, value)| assert_equal listed.fetch("glibc.malloc.#{name}"), value, name }
    assert_equal "malformed", rows[["GLIBC_TUNABLES", "arena_test"]][0]
    refute_equal 0, listed["glibc.malloc.arena_test"] if listed["glibc.malloc.arena_max"].zero?
  end

  def test_every_state_is_met_under_tcmalloc
    env = {"TCMALLOC_RELEASE_RATE" => "2.5", "TCMALLOC_SKIP_SBRK" => "1", "TCMALLOC_RELEASE_RAT" => "3", "TCMALLOC_OVERRIDE_PAGESIZE" => "65536", "TCMALLOC_SAMPLE_PARAMETER" => "1",
           "TCMALLOC_MAX_TOTAL_THREAD_CACHE_BYTES" => "5", "TCMALLOC_HEAP_LIMIT_MB" => "much", "TCMALLOC_AGGRESSIVE_DECOMMIT" => "t"}
    rows = rows("tcmalloc", env, before: "AllocStats.tune(aggressive_memory_decommit: false)")
    assert_equal({
      "release_rate" => ["in_force", 2.5], "skip_sbrk" => ["unreadable", nil], "release_rat" => ["unknown_key", nil], "override_pagesize" => ["other_version", nil],
      "sample_parameter" => ["other_version", nil], "max_total_thread_cache_bytes" => ["adjusted", 512 << 10], "heap_limit_mb" => ["malformed", 0],
      "aggressive_decommit" => ["changed", 0]
    }, rows.to_h { |(_, name), row| [name, row[0, 2]] })
    assert_match(/did you mean TCMALLOC_RELEASE_RATE/, rows[["TCMALLOC_RELEASE_RAT", "release_rat"]][2])
  end

  # Puma writes over the memory in which the environment of the start was.
  def test_a_title_written_over_the_environment_is_told
    certain, name, state = ChildProcess.ruby("$0 = 'x' * 3000; settings = AllocStats.settings; [settings.certain?, settings.first&.name, settings.first&.state]", env: {"MALLOC_ARENA_MAX" => "3"}).value
    refute certain
    assert_equal %w[arena_max in_force], [name, state]
  end

  def test_odd_bytes_are_shown_as_text
    settings = AllocStats::Settings.read({"MALLOC_ARENA_MAX" => "\xFF\xFE".b, "MIMALLOC_\xC3" => "1", "TCMALLOC_X" => "1" * 500, "MALLOC_CONF" => ":,::,"})
    settings.each do |setting|
      assert setting.asked.valid_encoding? && setting.name.valid_encoding?
      assert_operator setting.asked.size, :<=, 200
    end
    assert_operator settings.count, :>=, 4
  end

  def test_the_list_is_asked_by_state
    settings = AllocStats::Settings.read({"MALLOC_ARENAS_MAX" => "1", "LANG" => "C"})
    assert_equal 1, settings.count
    assert_equal settings.to_a, settings.in_state(:unknown_key)
    assert_equal settings.to_a, settings.wrong
    assert_empty settings.in_state(:in_force)
    assert_raises(AllocStats::UnknownName) { settings.in_state(:broken) }
    assert_equal [true, settings.map(&:to_h)], settings.to_h.values_at(:certain, :settings)
    assert_includes settings.inspect, "MALLOC_ARENAS_MAX"
    assert_empty settings.map(&:state) - AllocStats::Settings::STATES.keys
  end
end
