# frozen_string_literal: true

require "test_helper"

# What does not do what its writer meant it to comes with the line that does: the line is put into the environment of another
# process, literally, and there all of it is in force.
class SettingsCorrectedTest < Minitest::Test
  CORRECTED = "AllocStats.settings.wrong.map(&:corrected).uniq"
  STATES = "AllocStats.settings.map { |setting| [setting.name, setting.state] }"

  # allocator => {variables as they were given => the line that mends them, nil where it cannot be seen what was meant}
  CASES = {
    jemalloc: {
      {"MALLOC_CONF" => "dirty_decay_ms=1000"} => "MALLOC_CONF=dirty_decay_ms:1000",
      {"MALLOC_CONF" => "\"dirty_decay_ms:1000\""} => "MALLOC_CONF=dirty_decay_ms:1000",
      {"MALLOC_CONF" => "dirty_decay_ms:1000, muzzy_decay_ms:0"} => "MALLOC_CONF=dirty_decay_ms:1000,muzzy_decay_ms:0",
      {"MALLOC_CONF" => "narenas: 2;background_thread:TRUE"} => "MALLOC_CONF=narenas:2,background_thread:true",
      {"MALLOC_CONF" => "dirty_decay_ms 1000 tcache false"} => "MALLOC_CONF=dirty_decay_ms:1000,tcache:false",
      {"MALLOC_CONF" => "narenas:2,dirty_decay:1000"} => "MALLOC_CONF=narenas:2,dirty_decay_ms:1000",
      {"MALLOC_CONF" => "dirty_decay_ms:5s,narenas:2"} => "MALLOC_CONF=dirty_decay_ms:5000,narenas:2",
      {"MALLOC_CONF" => "background_thread:1"} => "MALLOC_CONF=background_thread:true",
      {"MALLOC_CONF" => "thp:Never"} => "MALLOC_CONF=thp:never",
      {"MALLOC_CONF" => "narenas:2,lg_chunk:21"} => "MALLOC_CONF=narenas:2",
      {"MALLOC_CONF" => "narenas:2,dirty_decay_ms:soon"} => "MALLOC_CONF=narenas:2",
      {"MALLOC_CONF" => "zzz"} => nil
    },
    mimalloc: {
      {"MIMALLOC_SHOW_ERROR" => "1"} => "MIMALLOC_SHOW_ERRORS=1",
      {"MIMALLOC_SHOW_ERRORS" => "'1'"} => "MIMALLOC_SHOW_ERRORS=1",
      {"MIMALLOC_PURGE_DELAY" => "20ms"} => "MIMALLOC_PURGE_DELAY=20",
      {"MIMALLOC_NOTHING_LIKE_IT_AT_ALL" => "1"} => nil
    },
    tcmalloc: {
      {"TCMALLOC_RELEASE_RATES" => "5"} => "TCMALLOC_RELEASE_RATE=5",
      {"TCMALLOC_RELEASE_RATE" => "\"5\""} => "TCMALLOC_RELEASE_RATE=5",
      {"TCMALLOC_XYZ_OF_NOTHING" => "5"} => nil
    },
    glibc: {
      {"MALLOC_ARENAS_MAX" => "2"} => "MALLOC_ARENA_MAX=2",
      {"MALLOC_ARENA_MAX" => "'2'"} => "MALLOC_ARENA_MAX=2",
      {"GLIBC_TUNABLES" => "glibc.malloc.arena_max:2"} => "GLIBC_TUNABLES=glibc.malloc.arena_max=2",
      {"GLIBC_TUNABLES" => "glibc.malloc.arena_max=2,glibc.malloc.mxfast=64"} => "GLIBC_TUNABLES=glibc.malloc.arena_max=2:glibc.malloc.mxfast=64",
      {"GLIBC_TUNABLES" => "glibc.cpu.x86_shstk=permissive:glibc.malloc.arena_maxi=2"} => "GLIBC_TUNABLES=glibc.cpu.x86_shstk=permissive:glibc.malloc.arena_max=2",
      {"MALLOC_ARENA_MAX" => "many"} => nil
    }
  }.freeze

  TestAllocators.each do |entry|
    CASES.fetch(entry.name).each do |given, line|
      define_method("test_#{entry.key}_#{given.map { |pair| pair.join("=") }.join(" ")}") do
        skip entry.missing if entry.missing
        next if given.key?("MIMALLOC_PURGE_DELAY") && entry.version == "2.0.9" # it has another name there
        assert_equal [line], ChildProcess.ruby(CORRECTED, allocator: entry, env: given).value
        next unless line
        variable, text = line.split("=", 2)
        states = ChildProcess.ruby(STATES, allocator: entry, env: {variable => text}).value
        refute_empty states
        assert_equal ["in_force"], states.map(&:last).uniq, states
      end
    end
  end

  # What the doctor says is followed by a shell as it stands, and the finding is gone.
  {
    "glibc" => {"MALLOC_ARENAS_MAX" => "2", "GLIBC_TUNABLES" => "glibc.malloc.mxfast:64"}, "jemalloc-5.3.1" => {"MALLOC_CONF" => "dirty_decay_ms=1000, narenas:2"},
    "mimalloc-3.6.0" => {"MIMALLOC_PURGE_DELY" => "20"}, "tcmalloc" => {"TCMALLOC_RELEASE_RATE" => "'5'"}
  }.each do |key, wrong|
    define_method("test_the_remedy_mends_#{key}") do
      entry = TestAllocators[key]
      skip entry.missing if entry.missing
      code = "AllocStats.doctor.findings.map { |finding| [finding.name, finding.remedy] }"
      (name, remedy), *others = ChildProcess.ruby(code, allocator: entry, env: wrong).value
      assert_equal ["settings_without_effect", []], [name, others]
      line = remedy.start_with?("unset") ? remedy : "export #{remedy}"
      said = ChildProcess.command("/bin/sh", "-c", "#{line}; exec #{RbConfig.ruby} -I#{ChildProcess::LIB} -rallocstats -e 'p AllocStats.doctor.verdict'", allocator: entry, env: wrong).stdout
      assert_equal ":healthy\n", said
    end
  end

  def test_what_is_in_force_needs_no_line
    assert_equal [[nil]], [ChildProcess.ruby("AllocStats.settings.map(&:corrected).uniq", env: {"MALLOC_ARENA_MAX" => "2"}).value]
  end

  # A line is for a shell, and its text is anybody's.
  def test_a_text_for_the_shell_is_quoted
    line = ChildProcess.ruby(CORRECTED, env: {"GLIBC_TUNABLES" => "glibc.cpu.name=$(id);`id`:glibc.malloc.arena_max:2"}).value.first
    assert_equal "GLIBC_TUNABLES='glibc.cpu.name=$(id);`id`:glibc.malloc.arena_max=2'", line
  end
end
