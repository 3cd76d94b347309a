# frozen_string_literal: true

require "test_helper"
require "support/under_each"
require "cgi"

# The table of names against jemalloc's manual.
class MallctlTableTest < Minitest::Test
  MANUAL = "/usr/share/doc/libjemalloc-dev/jemalloc.html"
  TERMS_IN_5_3_0 = 178
  EXTENT_TYPES = %w[dirty muzzy retained].freeze

  Row = Struct.new(:name, :type, :direction, :access, :refused, :needs, :flag, :origin)

  def table
    AllocStats::Allocators::Jemalloc::Mallctl.table.map { |row| Row.new(*row) }
  end

  def of_manual = table.select { |row| row.origin == :manual }

  # [[name, type, direction, flag or nil], ...] as the manual writes them
  def terms
    @terms ||= begin
      skip "#{MANUAL} is not on this machine: `apt-get install libjemalloc-dev`" unless File.exist?(MANUAL)
      html = File.read(MANUAL, encoding: Encoding::UTF_8)
      skip "the installed manual is not of 5.3.0, which the table is made from" unless html.include?("jemalloc 5.3.0")
      @mutex_counters = html[/name="mutex_counters".*?<\/dd>/m].scan(/<code class="varname">(\w+)<\/code>\s*\(<span class="type">(\w+)<\/span>\)/)
      namespace = html[/MALLCTL NAMESPACE<\/h2>.*?<h2>/m]
      namespace.scan(/<span class="term">(.*?)<\/span><\/dt>/m).flatten.filter_map { |term| parse(term) }
    end
  end

  def parse(term)
    text = CGI.unescapeHTML(term.gsub(/<[^>]+>/, "")).split.join(" ")
    name, type, direction, flag = text.match(/\A"?(\S+?);?"? \((.+?)\) (r- or -w|r-|-w|rw|--)(?: \[(.+)\])?\z/)&.captures
    name && [name.delete("“”"), type.gsub(/(\S)\*/, '\1 *'), direction, flag]
  end

  # One for each name that a term stands for.
  def names_of_manual
    terms.flat_map do |name, type, direction, flag|
      if name.include?("{counter}")
        @mutex_counters.map { |counter, counted_in| [name.sub("{counter}", counter), counted_in, direction, flag] }
      elsif name.include?("{extent_type}")
        EXTENT_TYPES.map { |extent| [name.sub("{extent_type}", extent), type, direction, flag] }
      else
        [[name, type, direction, flag]]
      end
    end
  end

  def test_the_manual_was_read_whole
    assert_equal TERMS_IN_5_3_0, terms.size
    assert_equal 7, @mutex_counters.size
    assert_equal names_of_manual.map(&:first).uniq.size, names_of_manual.size
  end

  def test_every_name_of_the_manual_is_in_the_table_with_its_type_and_direction
    assert_equal names_of_manual.map { |term| term.first(3) }.sort, of_manual.map { |row| [row.name, row.type, row.direction] }.sort
  end

  def test_what_the_manual_says_a_build_needs_is_in_the_table
    flags = of_manual.to_h { |row| [row.name, row.flag] }
    names_of_manual.each { |name, _, _, flag| assert_equal flag, flags[name], name if flag }
  end

  def test_no_name_stands_twice_in_the_table
    assert_equal table.map(&:name).uniq.size, table.size
  end

  def test_what_can_crash_is_refused
    table.each do |row|
      refused = row.name.match?(/\Aexperimental\.|\.reset\z|\.destroy\z|extent_hooks\z|\Atcache\.flush\z|\Aarenas\.(lookup|create)\z|log_(start|stop)\z|\Aprof\.gdump\z/) &&
        !%w[prof.reset thread.peak.reset stats.mutexes.reset].include?(row.name)
      assert_equal refused, !row.refused.nil?, row.name
    end
  end

  def test_the_catalogue_is_there_on_every_allocator
    entry = AllocStats.mallctls.fetch("arena.<i>.purge")
    assert_equal({type: "void", access: :act, refused: nil, needs: nil}, entry.to_h)
    assert_equal table.size, AllocStats.mallctls.size
    assert_predicate entry, :frozen?
  end
end

# mallctl on live processes, under each jemalloc.
module MallctlContract
  # What a call raises, as [class, message].
  def raised(call, **options)
    child(<<~RUBY, **options)
      begin
        #{call}
        nil
      rescue AllocStats::Error => error
        [error.class.name.delete_prefix("AllocStats::"), error.message]
      end
    RUBY
  end

  def assert_raised(kind, message, call, **options)
    error, said = raised(call, **options)
    assert_equal kind, error, "#{call}: #{said}"
    assert_match message, said
    assert_operator said.size, :<, 600
  end

  def version = self.class::ENTRY.version

  def new? = Gem::Version.new(version) >= Gem::Version.new("5.3.1")

  KINDS = {"bool" => [true, false], "const char *" => [String], "char *" => [String], "prof_stats_t" => [Hash]}.freeze

  READ_ALL = <<~RUBY
    config = %w[config.fill config.utrace config.xmalloc config.prof config.stats opt.prof].to_h { |name| [name, AllocStats.mallctl(name)] }
    rows = AllocStats.mallctls.select { |_, entry| entry.access.start_with?("read") && !entry.refused }.map do |name, entry|
      called = name.gsub(/<[ij]>/, "0")
      value = begin
        AllocStats.mallctl(called)
      rescue AllocStats::Unsupported => error
        {unsupported: error.message}
      end
      [name, entry.type, entry.needs, value]
    end
    [config, rows]
  RUBY

  # Whether the running process lacks what the table says that the name needs.
  def unmet?(needs, config)
    return false unless needs

    named = config.keys.select { |name| needs.include?("(#{name})") }
    named.any? ? named.any? { |name| !config[name] } : !needs.include?("retain")
  end

  def check_all(conf)
    config, rows = child(READ_ALL, env: {"MALLOC_CONF" => conf})
    config.transform_keys!(&:to_s)
    origins = AllocStats::Allocators::Jemalloc::Mallctl.table.to_h { |row| [row[0], row[7]] }
    rows.each do |name, type, needs, value|
      if value.is_a?(Hash) && value[:unsupported]
        elsewhere = origins[name] == (new? ? :dropped : :added)
        assert elsewhere || unmet?(needs, config), "#{name}: #{value[:unsupported]}"
        assert_includes value[:unsupported], version
        assert_includes value[:unsupported], elsewhere ? "has no" : needs
      else
        kinds = KINDS.fetch(type, [Integer])
        assert(kinds.any? { |kind| kind === value } || (value.nil? && type == "const char *"), "#{name} (#{type}) is #{value.inspect}")
      end
    end
    rows
  end

  def test_every_readable_name_answers_or_says_what_it_needs
    assert_operator check_all("").size, :>, 380
  end

  def test_every_readable_name_answers_or_says_what_it_needs_with_profiling
    rows = check_all("prof:true,prof_active:false,prof_stats:true")
    answered = rows.to_h { |name, _, _, value| [name, value] }
    assert_equal false, answered["prof.active"]
    assert_equal({req_sum: 0, count: 0}, answered["prof.stats.bins.<i>.live"])
    assert_equal "", answered["thread.prof.name"]
  end

  def test_values_agree_with_what_is_known_otherwise
    values = child(<<~RUBY, env: {"MALLOC_CONF" => "narenas:3,dirty_decay_ms:-1"})
      taken = AllocStats.mallctl("thread.allocated")
      "x" * 1_000_000
      {
        page: AllocStats.mallctl("arenas.page"), narenas: AllocStats.mallctl("opt.narenas"), decay: AllocStats.mallctl("arenas.dirty_decay_ms"),
        taken: AllocStats.mallctl("thread.allocated") - taken, version: AllocStats.mallctl("version"), bin: AllocStats.mallctl("arenas.bin.1.size"),
        stats: AllocStats.mallctl("config.stats"), dss: AllocStats.mallctl("stats.arenas.0.dss")
      }
    RUBY
    assert_equal Integer(`getconf PAGESIZE`), values[:page]
    assert_equal 3, values[:narenas]
    assert_equal(-1, values[:decay])
    assert_operator values[:taken], :>=, 1_000_000
    assert values[:version].start_with?(version)
    assert_equal 16, values[:bin]
    assert_equal true, values[:stats]
    assert_equal "secondary", values[:dss]
  end

  def test_reading_statistics_takes_a_new_snapshot
    before, held, stale = child(<<~RUBY)
      GC.disable
      before = AllocStats.mallctl("stats.allocated")
      blocks = "x" * 50_000_000
      held = AllocStats.mallctl("stats.allocated")
      blocks.clear
      [before, held, AllocStats.mallctl("stats.active")]
    RUBY
    assert_in_delta 50_000_000, held - before, 1_000_000
    assert_operator stale, :<, held
  end

  def test_several_names_are_read_of_one_snapshot
    first, second, values = child(<<~RUBY)
      first = AllocStats.mallctl("epoch")
      values = AllocStats.mallctl_many("epoch", "stats.active", :"stats.allocated", "stats.resident", "arenas.page")
      [first, AllocStats.mallctl("epoch"), values]
    RUBY
    assert_equal %i[epoch stats.active stats.allocated stats.resident arenas.page], values.keys
    assert_equal first + 1, values[:epoch]
    assert_equal first + 2, second
    assert_operator values[:"stats.allocated"], :<=, values[:"stats.active"]
  end

  def test_many_take_an_array_too_and_nothing_is_nothing
    assert_equal [{"arenas.page": 4096}, {}], child('[AllocStats.mallctl_many(["arenas.page"]), AllocStats.mallctl_many([])]')
  end

  def test_writing_answers_what_was_before
    assert_equal [10_000, 1234, 1234, -1, true, [true, false], "secondary", "disabled"], child(<<~RUBY)
      [AllocStats.mallctl("arenas.dirty_decay_ms", 1234), AllocStats.mallctl("arenas.dirty_decay_ms"),
        AllocStats.mallctl("arenas.dirty_decay_ms", -1), AllocStats.mallctl("arenas.dirty_decay_ms"),
        AllocStats.mallctl("thread.tcache.enabled", false),
        [AllocStats.mallctl("background_thread", true) | AllocStats.mallctl("background_thread"), AllocStats.mallctl("background_thread", false) & false],
        AllocStats.mallctl("arena.0.dss", "disabled"), AllocStats.mallctl("arena.0.dss")]
    RUBY
  end

  def test_what_is_written_is_in_force
    before, after = child(<<~RUBY)
      AllocStats.mallctl("arena.0.dirty_decay_ms", -1)
      AllocStats.mallctl("thread.arena", 0)
      blocks = Array.new(20) { "x" * 1_000_000 }
      blocks.each(&:clear)
      before = AllocStats.mallctl("stats.arenas.0.pdirty")
      AllocStats.mallctl("arena.0.dirty_decay_ms", 0)
      [before, AllocStats.mallctl("stats.arenas.0.pdirty")]
    RUBY
    assert_operator before, :>, 1000
    assert_operator after, :<, before / 10
  end

  def test_actions_act_when_they_are_named
    dirty, purged = child(<<~RUBY, env: {"MALLOC_CONF" => "dirty_decay_ms:-1,muzzy_decay_ms:-1"})
      Array.new(20) { "x" * 1_000_000 }.each(&:clear)
      AllocStats.mallctl("thread.tcache.flush")
      dirty = AllocStats.mallctl("stats.arenas.all.pdirty")
      acted = AllocStats.mallctl("arena.all.purge")
      raise "an action answered" unless acted.nil?
      [dirty, AllocStats.mallctl("stats.arenas.all.pdirty")]
    RUBY
    assert_operator dirty, :>, 1000
    assert_operator purged, :<, dirty / 10
  end

  def test_what_is_made_has_a_number
    first, second, moved, reused = child(<<~RUBY)
      first = AllocStats.mallctl("arenas.create")
      second = AllocStats.mallctl("arenas.create")
      before = AllocStats.mallctl("thread.arena", second)
      moved = AllocStats.mallctl("thread.arena")
      AllocStats.mallctl("thread.arena", before)
      AllocStats.mallctl("thread.tcache.flush")
      AllocStats.mallctl("arena.\#{first}.destroy", unsafe: true)
      [first, second, moved, AllocStats.mallctl("arenas.create")]
    RUBY
    assert_equal [first + 1, first + 1, first], [second, moved, reused]
  end

  def test_destroyed_arenas_have_their_sum
    assert_raised "InvalidValue", /no arena was destroyed yet/, 'AllocStats.mallctl("stats.arenas.destroyed.pdirty")'
    assert_equal [true, 0], child(<<~RUBY)
      AllocStats.mallctl("arena.\#{AllocStats.mallctl("arenas.create")}.destroy", unsafe: true)
      [AllocStats.mallctl("arena.destroyed.initialized"), AllocStats.mallctl("stats.arenas.destroyed.pactive")]
    RUBY
  end

  def test_a_destroyed_arena_cannot_be_used
    assert_raised "InvalidValue", /number of an arena in use; not/, <<~RUBY
      arena = AllocStats.mallctl("arenas.create")
      AllocStats.mallctl("arena.\#{arena}.destroy", unsafe: true)
      AllocStats.mallctl("thread.arena", arena)
    RUBY
  end

  def test_profiling
    name, active, dumped, prefix = child(<<~RUBY, env: {"MALLOC_CONF" => "prof:true,prof_active:false,lg_prof_sample:12"}, require: %w[allocstats tmpdir])
      Dir.mktmpdir do |folder|
        AllocStats.mallctl("thread.prof.name", "ruby main")
        AllocStats.mallctl("prof.active", true)
        kept = Array.new(1000) { "x" * 10_000 }
        AllocStats.mallctl("prof.dump", File.join(folder, "one"))
        AllocStats.mallctl("prof.prefix", File.join(folder, "by_prefix"))
        AllocStats.mallctl("prof.dump")
        [AllocStats.mallctl("thread.prof.name"), AllocStats.mallctl("prof.active", false), File.read(File.join(folder, "one"), 9), Dir.children(folder).grep(/by_prefix/).size]
      end
    RUBY
    assert_equal ["ruby main", true, "heap_v2/4", 1], [name, active, dumped, prefix]
  end

  def test_profiling_that_is_off
    assert_raised "Unsupported", /#{version}.*needs.*MALLOC_CONF=prof:true/, 'AllocStats.mallctl("prof.active", true)'
    assert_raised "Unsupported", /#{version}.*needs.*MALLOC_CONF=prof:true/, 'AllocStats.mallctl("prof.dump")'
    assert_raised "Unsupported", /prof_stats:true/, 'AllocStats.mallctl("prof.stats.bins.0.live")'
    assert_raised "InvalidValue", /did not take.*EFAULT.*path/, 'AllocStats.mallctl("prof.dump", "/no/such/folder/x")', env: {"MALLOC_CONF" => "prof:true,prof_active:false"}
    assert_raised "InvalidValue", /did not take.*printable/, 'AllocStats.mallctl("thread.prof.name", "a\nb")', env: {"MALLOC_CONF" => "prof:true,prof_active:false"}
  end

  def test_names_that_came_with_5_3_1
    if new?
      assert_equal ["auto_0", "web", 32_768, Integer, 2 << 20], child(<<~RUBY).map { |value| (value == 200) ? Integer : value }
        before = AllocStats.mallctl("arena.0.name", "web")
        [before, AllocStats.mallctl("arena.0.name"), AllocStats.mallctl("thread.tcache.max", 65_536),
          (AllocStats.mallctl("thread.tcache.ncached_max.write", "64-64:200"); AllocStats.mallctl("thread.tcache.ncached_max.read_sizeclass", 64)),
          AllocStats.mallctl("arenas.hugepage")]
      RUBY
      assert_raised "InvalidValue", /did not take "64:8".*8-128:200/, 'AllocStats.mallctl("thread.tcache.ncached_max.write", "64:8")'
      assert_raised "Unsupported", /has no opt.hpa_sec_bytes_after_flush, which 5.3.0 has and 5.3.1 has not/, 'AllocStats.mallctl("opt.hpa_sec_bytes_after_flush")'
    else
      assert_raised "Unsupported", /#{version} has no arena.0.name, which came with 5.3.1/, 'AllocStats.mallctl("arena.0.name")'
      assert_equal 0, child('AllocStats.mallctl("opt.hpa_sec_bytes_after_flush") & 0')
    end
  end

  def test_names_outside_of_the_table
    assert_raised "UnknownName", /no mallctl is named "no.such"/, 'AllocStats.mallctl("no.such")'
    assert_raised "UnknownName", /needs a type:/, 'AllocStats.mallctl("no.such", unsafe: true)'
    assert_raised "Refused", /nothing is known.*unsafe: true/, 'AllocStats.mallctl("no.such", type: :bool)'
    assert_raised "InvalidValue", /cannot be of the type "struct".*size_t/, 'AllocStats.mallctl("no.such", type: "struct", unsafe: true)'
    assert_raised "Unsupported", /#{version} has no no.such/, 'AllocStats.mallctl("no.such", type: :bool, unsafe: true)'
    assert_raised "Unsupported", /does not answer arenas/, 'AllocStats.mallctl("arenas", type: :bool, unsafe: true)'
  end

  # A name of the table under a spelling that the table does not have: jemalloc's own reading of numbers is laxer.
  def test_names_outside_of_the_table_are_called_with_their_type
    assert_equal [16, 10_000, 500, nil], child(<<~RUBY)
      [AllocStats.mallctl("arenas.bin.+1.size", type: :size_t, unsafe: true), AllocStats.mallctl("arena.+0.dirty_decay_ms", type: "ssize_t", unsafe: true),
        (AllocStats.mallctl("arena.+0.dirty_decay_ms", 500, type: "ssize_t", unsafe: true); AllocStats.mallctl("arena.0.dirty_decay_ms")),
        AllocStats.mallctl("arena.+0.purge", type: :void, unsafe: true)]
    RUBY
    assert_raised "Error", /EINVAL/, 'AllocStats.mallctl("arenas.bin.+1.size", type: :bool, unsafe: true)'
    assert_raised "InvalidValue", /Integer from 0 to 4294967295; not 4294967296/, 'AllocStats.mallctl("arena.+0.x", 2**32, type: :unsigned, unsafe: true)'
  end

  # call => [class, message]
  BAD_INPUT = {
    '"stats.alocated"' => ["UnknownName", /did you mean stats.allocated\?/],
    '"stats.arenas.0.pdirtyy"' => ["UnknownName", /did you mean stats.arenas.<i>.pdirty\?/],
    '"arena.x.purge"' => ["UnknownName", /did you mean arena.<i>.purge\?/],
    '"arena.-1.purge"' => ["UnknownName", /arena.-1.purge/],
    '""' => ["UnknownName", /named ""/],
    '"."' => ["UnknownName", /named/],
    '"stats"' => ["UnknownName", /named "stats"/],
    '"stats."' => ["UnknownName", /named/],
    '"epoch\0"' => ["UnknownName", /epoch/],
    '"stats.allocated" * 100_000' => ["UnknownName", /stats/],
    '"\xff\xfe\x80"' => ["UnknownName", /named/],
    '"epoch".encode("UTF-16")' => ["UnknownName", /named/],
    "nil" => ["UnknownName", /a String, not of NilClass/],
    "BasicObject.new" => ["UnknownName", /a String, not of BasicObject/],
    '"arena.<i>.purge"' => ["InvalidValue", /number in the place of <i>: 0 to \d+/],
    '"stats.arenas.0.bins.<j>.curregs"' => ["InvalidValue", /number in the place of <j>: 0 to 35/],
    '"arena.4095.purge"' => ["InvalidValue", /4095 is out of range, which is 0 to \d+\z/],
    '"arena.%d.purge" % AllocStats.mallctl("arenas.narenas")' => ["InvalidValue", /out of range/],
    '"stats.arenas.%d.pdirty" % AllocStats.mallctl("arenas.narenas")' => ["InvalidValue", /out of range/],
    '"arena.99999999999999999999999999.purge"' => ["InvalidValue", /out of range/],
    '"arena.all.dirty_decay_ms"' => ["InvalidValue", /one arena at a time/],
    '"arena.4096.retain_grow_limit"' => ["InvalidValue", /one arena at a time/],
    '"arena.destroyed.purge"' => ["InvalidValue", /one arena at a time/],
    '"stats.arenas.0.bins.36.curregs"' => ["InvalidValue", /36 is out of range, which is 0 to 35/],
    '"arenas.bin.36.size"' => ["InvalidValue", /36 is out of range, which is 0 to 35/],
    '"arenas.lextent.196.size"' => ["InvalidValue", /196 is out of range, which is 0 to 195/],
    '"stats.arenas.0.lextents.196.nmalloc"' => ["InvalidValue", /196 is out of range, which is 0 to 195/],
    '"stats.arenas.0.extents.199.ndirty"' => ["InvalidValue", /199 is out of range, which is 0 to 198/],
    '"stats.arenas.0.hpa_shard.nonfull_slabs.64.nactive_huge"' => ["InvalidValue", /64 is out of range, which is 0 to 63/],
    '"arenas.page", 1' => ["ReadOnly", /can be read and not written/],
    '"stats.allocated", 0' => ["ReadOnly", /can be read and not written/],
    '"arena.0.purge", 1' => ["InvalidValue", /takes no value/],
    '"tcache.create", 1' => ["InvalidValue", /takes no value/],
    '"prof.prefix"' => ["InvalidValue", /cannot be read: it takes a String/],
    '"arenas.dirty_decay_ms", "1"' => ["InvalidValue", /Integer from -1 to \d+ milliseconds.*; not "1"/],
    '"arenas.dirty_decay_ms", 1.0' => ["InvalidValue", /; not 1.0/],
    '"arenas.dirty_decay_ms", nil' => ["InvalidValue", /; not nil/],
    '"arenas.dirty_decay_ms", -2' => ["InvalidValue", /; not -2/],
    '"arenas.dirty_decay_ms", 2**64' => ["InvalidValue", /; not 18446744073709551616/],
    '"arenas.dirty_decay_ms", -(2**63)' => ["InvalidValue", /; not -9223372036854775808/],
    '"arenas.dirty_decay_ms", 10**10_000' => ["InvalidValue", /; not an Integer of \d+ bits/],
    '"arenas.dirty_decay_ms", Object.new' => ["InvalidValue", /; not a value of another class/],
    '"arenas.dirty_decay_ms", BasicObject.new' => ["InvalidValue", /; not a value of another class/],
    '"arena.0.oversize_threshold", -1' => ["InvalidValue", /0 to 18446744073709551615; not -1/],
    '"arena.0.oversize_threshold", 2**64' => ["InvalidValue", /; not 18446744073709551616/],
    '"background_thread", 1' => ["InvalidValue", /true or false; not 1/],
    '"background_thread", nil' => ["InvalidValue", /true or false; not nil/],
    '"max_background_threads", 0' => ["InvalidValue", /Integer from 1 to \d+ \(opt.max_background_threads\); not 0/],
    '"max_background_threads", 4097' => ["InvalidValue", /; not 4097/],
    '"arena.0.dss", "tertiary"' => ["InvalidValue", /disabled, primary or secondary/],
    '"arena.0.dss", :primary' => ["InvalidValue", /String.*; not :primary/],
    '"arena.0.dss", "primary\0"' => ["InvalidValue", /without NUL/],
    '"prof.dump", "x" * 4096' => ["InvalidValue", /at most 4095 bytes/],
    '"prof.reset", 64' => ["InvalidValue", /Integer from 0 to 63/],
    '"thread.arena", 4095' => ["InvalidValue", /number of an arena in use; not 4095/],
    '"thread.arena", -1' => ["InvalidValue", /; not -1/],
    '"epoch", type: :bool' => ["InvalidValue", /of the type uint64_t, not :bool/],
    '"epoch", type: 7' => ["InvalidValue", /of the type uint64_t, not 7/],
    '"arenas.lookup", 1' => ["Refused", /address.*unsafe: true/],
    '"arenas.create", 1' => ["Refused", /unsafe: true/],
    '"arena.0.reset"' => ["Refused", /frees every block/],
    '"arena.0.destroy"' => ["Refused", /frees every block/],
    '"arena.0.extent_hooks"' => ["Refused", /functions/],
    '"arena.0.extent_hooks", 1' => ["Refused", /functions/],
    '"tcache.flush", 7' => ["Refused", /index/],
    '"tcache.destroy", 7' => ["Refused", /index/],
    '"prof.gdump", true' => ["Refused", /waits for ever/],
    '"prof.log_start"' => ["Refused", /memory/],
    '"experimental.prof_recent.alloc_max"' => ["Refused", /version to version/],
    '"experimental.batch_alloc"' => ["Refused", /version to version/],
    '"experimental.batch_alloc", 1, unsafe: true' => ["Unsupported", /structure of C/],
    '"arena.0.reset", unsafe: true' => ["Error", /EFAULT/]
  }.freeze

  def test_bad_input_has_its_class_and_one_sentence_and_changes_nothing
    calls = BAD_INPUT.keys
    answers, before, after = child(<<~RUBY)
      settings = -> do
        names = AllocStats.mallctls.select { |_, entry| entry.access == :read_write && !entry.refused }.keys - %w[epoch]
        names.to_h { |name| [name, (AllocStats.mallctl(name.sub("<i>", "0")) rescue $!.message)] }
      end
      before = settings.call
      answers = [#{calls.map { |call| "(-> { AllocStats.mallctl(#{call}) })" }.join(",\n")}].map do |call|
        begin
          ["nothing was raised", call.call.inspect]
        rescue Exception => error
          [error.class.name.delete_prefix("AllocStats::"), error.message]
        end
      end
      [answers, before, settings.call]
    RUBY
    calls.zip(answers) do |call, (error, message)|
      expected, pattern = BAD_INPUT[call]
      assert_equal expected, error, "#{call}: #{message}"
      assert_match pattern, message, call
      assert_operator message.lines.size, :<=, 1, call
      assert_operator message.size, :<, 600, call
    end
    assert_equal before, after
  end

  def test_bad_input_to_several_names
    assert_raised "InvalidValue", /not for reading/, 'AllocStats.mallctl_many("arena.0.purge")'
    assert_raised "InvalidValue", /not for reading/, 'AllocStats.mallctl_many("arenas.page", "arenas.create")'
    assert_raised "Refused", /unsafe/, 'AllocStats.mallctl_many("experimental.hooks.prof_backtrace")'
    assert_raised "UnknownName", /named "x"/, 'AllocStats.mallctl_many(["arenas.page", "x"])'
    assert_raised "UnknownName", /not of Hash/, "AllocStats.mallctl_many({})"
  end

  def test_an_arena_that_was_never_used
    assert_raised "InvalidValue", /arena (\d+) is not in use \(arena.\1.initialized is false\)/, <<~RUBY, env: {"MALLOC_CONF" => "narenas:8"}
      idle = 8.times.find { |index| !AllocStats.mallctl("arena.\#{index}.initialized") }
      AllocStats.mallctl("stats.arenas.\#{idle}.pdirty")
    RUBY
    assert_raised "InvalidValue", /is not in use/, 'AllocStats.mallctl("arena.7.dirty_decay_ms", 5)', env: {"MALLOC_CONF" => "narenas:8"}
  end

  # 5.3.0 takes 0, and the process dies when a background thread is next looked for.
  def test_no_background_threads_at_all_are_refused_before_they_divide_by_zero
    assert_equal [true, 1], child(<<~RUBY)
      begin
        AllocStats.mallctl("max_background_threads", 0)
      rescue AllocStats::InvalidValue
        AllocStats.mallctl("max_background_threads", 1)
      end
      AllocStats.mallctl("background_thread", true)
      [AllocStats.mallctl("background_thread"), AllocStats.mallctl("max_background_threads")]
    RUBY
  end

  def test_a_thread_without_a_cache
    assert_raised "Unsupported", /needs a cache of this thread/, <<~RUBY
      AllocStats.mallctl("thread.tcache.enabled", false)
      AllocStats.mallctl("thread.tcache.flush")
    RUBY
  end

  def test_all_statistics_as_a_hash
    stats, options, wrong = child(<<~RUBY)
      stats = AllocStats.malloc_stats
      options = stats["opt"].reject { |name, _| name == "hpa_dirty_mult" } # printed as a fraction
      wrong = options.reject { |name, value| (AllocStats.mallctl("opt.\#{name}") rescue value) == value }
      [stats, options.size, wrong]
    RUBY
    assert_operator options, :>, 40
    assert_empty wrong
    assert stats[:version].start_with?(version)
    assert_equal 36, stats[:arenas][:bin].size
    arenas = stats[:"stats.arenas"].select { |index, _| index.match?(/\A\d+\z/) }.values
    assert_equal stats[:stats][:allocated], arenas.sum { |arena| arena[:small][:allocated] + arena[:large][:allocated] }
  end

  def test_other_threads_run_while_an_arena_is_purged
    ticks, seconds = child(<<~RUBY, env: {"MALLOC_CONF" => "dirty_decay_ms:-1,muzzy_decay_ms:-1"})
      Array.new(3000) { "x" * 100_000 }.each(&:clear)
      ticks = []
      ticker = Thread.new { loop { ticks << Process.clock_gettime(Process::CLOCK_MONOTONIC); sleep 0.0005 } }
      sleep 0.02
      begun = Process.clock_gettime(Process::CLOCK_MONOTONIC)
      AllocStats.mallctl("arena.all.purge")
      ended = Process.clock_gettime(Process::CLOCK_MONOTONIC)
      ticker.kill
      [ticks.count { |tick| tick.between?(begun, ended) }, ended - begun]
    RUBY
    skip "the purge took only #{seconds} s" if seconds < 0.005
    assert_operator ticks, :>, 1
  end

  def test_threads_and_ractors
    values = child(<<~RUBY, options: ["-W:no-experimental"])
      threads = Array.new(4) do
        Thread.new { 300.times.map { AllocStats.mallctl("arenas.dirty_decay_ms", 10_000); AllocStats.mallctl("stats.allocated") }.min }
      end
      ractors = Array.new(3) do
        Ractor.new do
          error = begin
            AllocStats.mallctl("arenas.page", 1)
          rescue AllocStats::ReadOnly
            "read only"
          end
          [300.times.map { AllocStats.mallctl("stats.arenas.0.pactive") }.min, error, AllocStats.mallctl_many("epoch").size]
        end
      end
      [threads.map(&:value), ractors.map(&:take)]
    RUBY
    assert values[0].all?(&:positive?)
    values[1].each { |pages, error, read| assert_equal [true, "read only", 1], [pages.positive?, error, read] }
  end

  def test_a_forked_child_has_its_own_answers
    assert_equal [0, 0, 0, 0], child(<<~RUBY)
      AllocStats.mallctl("background_thread", true)
      AllocStats.mallctl("arenas.dirty_decay_ms", 777)
      pids = Array.new(4) do
        fork do
          AllocStats.mallctl("background_thread", true)
          AllocStats.mallctl("arenas.dirty_decay_ms", 778) == 777 || exit!(1)
          exit!(AllocStats.mallctl_many("background_thread", "arenas.dirty_decay_ms").values == [true, 778] ? 0 : 2)
        end
      end
      pids.map { |pid| Process.wait2(pid).last.exitstatus }
    RUBY
  end

  def test_compaction_and_stress
    assert_equal 4096, child(<<~RUBY)
      GC.stress = true
      AllocStats.mallctl("arenas.dirty_decay_ms", 5)
      AllocStats.mallctl("arena.0.dss", "secondary")
      AllocStats.mallctl_many("version", "stats.allocated")
      AllocStats.mallctl("stats.alocated") rescue nil
      GC.stress = false
      GC.compact
      AllocStats.mallctl("arenas.page")
    RUBY
  end

  UnderEach.of(self, :jemalloc)
end

class MallctlElsewhereTest < Minitest::Test
  TestAllocators.reject { |entry| entry.name == :jemalloc }.each do |entry|
    define_method("test_#{entry}_says_that_it_is_not_jemalloc") do
      skip entry.missing if entry.missing
      messages = ChildProcess.ruby(<<~RUBY, allocator: entry).value
        calls = [-> { AllocStats.mallctl("epoch") }, -> { AllocStats.mallctl("no.such") }, -> { AllocStats.mallctl_many("epoch") }, -> { AllocStats.malloc_stats }]
        calls.map { |call| call.call rescue $!.is_a?(AllocStats::Unsupported) ? $!.message : $!.inspect }
      RUBY
      messages.each { |message| assert_match(/jemalloc.*: #{entry.name} runs this process\z/, message) }
    end
  end
end
