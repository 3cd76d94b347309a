# frozen_string_literal: true

require "test_helper"
require "support/puma_server"
require "support/thread_names"

class TuneTest < Minitest::Test
  PROFILES = %w[low_memory balanced throughput].freeze

  # The tuned options, read without the tuner.
  OWN_READING = <<~RUBY
    own = lambda do |name|
      case AllocStats.allocator.name
      when :jemalloc
        case name
        when :dirty_decay_ms, :muzzy_decay_ms then AllocStats.mallctl("arenas.\#{name}")
        when :background_thread, :max_background_threads then AllocStats.mallctl(name.name)
        else AllocStats.mallctl("opt.\#{name}")
        end
      when :mimalloc then AllocStats.mi_option(name)
      when :glibc then AllocStats.mallopts.fetch(name).value
      else (name == :release_rate) ? AllocStats.tcmalloc_release_rate : AllocStats.tcmalloc_property("tcmalloc.\#{name}")
      end
    end
  RUBY

  # All that can be set, to see that nothing was.
  EVERYTHING = <<~RUBY
    everything = lambda do
      case AllocStats.allocator.name
      when :jemalloc
        arenas = (0...AllocStats.mallctl("arenas.narenas")).select { |i| AllocStats.mallctl("arena.\#{i}.initialized") }
        names = %w[arenas.dirty_decay_ms arenas.muzzy_decay_ms background_thread max_background_threads thread.tcache.enabled]
        AllocStats.mallctl_many(names + arenas.product(%w[dirty_decay_ms muzzy_decay_ms oversize_threshold]).map { |i, name| "arena.\#{i}.\#{name}" })
      when :mimalloc then AllocStats.mi_options
      when :glibc then AllocStats.mallopts.transform_values(&:value)
      else AllocStats.tcmalloc_properties.slice("tcmalloc.max_total_thread_cache_bytes", "tcmalloc.aggressive_memory_decommit", "tcmalloc.heap_limit_mb").merge(rate: AllocStats.tcmalloc_release_rate)
      end
    end
    refused = lambda do |*arguments, **options|
      before = everything.call
      AllocStats.tune(*arguments, **options)
      "was taken"
    rescue AllocStats::Error => error
      [error.class.name.delete_prefix("AllocStats::"), error.message, everything.call == before]
    end
  RUBY

  # Two options of each allocator that can be set in a running process, with values that they take.
  LIVE = {
    "jemalloc" => {dirty_decay_ms: 1234, muzzy_decay_ms: 567}, "mimalloc" => {purge_delay: 1234, eager_commit_delay: 3},
    "mimalloc-3.6.0" => {purge_delay: 1234, page_max_candidates: 7},
    "glibc" => {trim_threshold: 262_144, top_pad: 65_536}, "tcmalloc" => {max_total_thread_cache_bytes: 8 << 20, release_rate: 5}
  }.freeze

  def self.live(entry) = LIVE[entry.key] || LIVE.fetch(entry.name.name)

  STRANGERS = {jemalloc: :arena_max, mimalloc: :dirty_decay_ms, glibc: :purge_delay, tcmalloc: :trim_threshold}.freeze
  DANGEROUS = {mimalloc: {destroy_on_exit: true}, glibc: {perturb: 1}, tcmalloc: {heap_limit_mb: 1000}}.freeze

  TestAllocators.each do |entry|
    define_method("test_#{entry.key}_takes_every_profile_and_reads_it_back") do
      skip entry.missing if entry.missing
      PROFILES.each do |profile|
        tuning, own = ChildProcess.ruby("#{OWN_READING}; tuning = AllocStats.tune(:#{profile}); [tuning.to_h, tuning.asked.to_h { |name, _| [name, own[name]] }]", allocator: entry).value
        assert_equal [entry.name.name, profile], tuning.values_at(:allocator, :profile)
        refute_empty tuning[:asked]
        assert_equal tuning[:asked].keys, tuning[:now].keys
        assert_equal own, tuning[:now]
        assert_equal tuning[:asked].reject { |name, _| tuning[:failed].key?(name) }, tuning[:now].reject { |name, _| tuning[:failed].key?(name) }
        tuning[:failed].each { |name, reason| assert_match(/\A#{name} is read when .* starts: \w+=\S+ in the environment sets it\z/, reason) }
        assert_empty tuning[:failed].keys - [:narenas]
      end
    end

    define_method("test_#{entry.key}_is_started_by_the_environment_that_a_profile_names") do
      skip entry.missing if entry.missing
      PROFILES.each do |profile|
        asked, environment = ChildProcess.ruby("tuning = AllocStats.tune(:#{profile}); [tuning.asked, tuning.environment]", allocator: entry).value
        child = ChildProcess.ruby("tuning = AllocStats.tune(:#{profile}); [tuning.before, tuning.failed, AllocStats.settings.map(&:state)]", allocator: entry, env: environment)
        before, failed, states = child.value
        lines = AllocStats::Allocators::Tcmalloc::Options::VARIABLES
        unset = (entry.name == :tcmalloc) ? asked.keys - lines.keys - [:release_rate] : []
        assert_equal asked.except(*unset), before.except(*unset), profile
        assert_empty failed
        assert_equal ["in_force"], states.uniq
        assert_empty child.stderr
      end
    end

    define_method("test_#{entry.key}_goes_back_to_what_was_before") do
      skip entry.missing if entry.missing
      skip "glibc's own defaults are no values that could be set" if entry.name == :glibc
      first, back, same = ChildProcess.ruby(<<~RUBY, allocator: entry).value
        #{EVERYTHING}
        start = everything.call
        first = AllocStats.tune(:low_memory)
        back = AllocStats.tune(**first.before.except(*first.failed.keys))
        [first.to_h, back.to_h, everything.call == start]
      RUBY
      assert_equal first[:before].except(*first[:failed].keys), back[:now]
      assert same
    end

    define_method("test_#{entry.key}_refuses_and_has_changed_nothing") do
      skip entry.missing if entry.missing
      good = self.class.live(entry)
      bad = {good.keys.last => -1000}
      stranger = STRANGERS.fetch(entry.name)
      calls = [[good.merge(bad), "InvalidValue"], [good.merge(no_such_option: 1), "UnknownName"], [good.merge(stranger => 1), "Unsupported"],
        [good.transform_values { "much" }, "InvalidValue"], [good.transform_values { nil }, "InvalidValue"], [good.transform_values { 2**70 }, "InvalidValue"], [{}, "InvalidValue"]]
      calls << [good.merge(DANGEROUS[entry.name]), "Refused"] if DANGEROUS.key?(entry.name)
      answers = ChildProcess.ruby("#{EVERYTHING}; [#{calls.map { |options, _| "refused.call(**#{options.inspect})" }.join(", ")}, refused.call(:low_memroy), refused.call(:low_memory, no_such_option: 1)]", allocator: entry).value
      calls.each_with_index { |(options, error), i| assert_equal [error, true], answers[i].values_at(0, 2), "#{options}: #{answers[i]}" }
      assert_match(/#{stranger} is an option of \w+, and #{entry.name} #{entry.version} runs this process; its own are/, answers[2][1])
      assert_equal ["UnknownName", true], answers[-2].values_at(0, 2)
      assert_match(/did you mean low_memory/, answers[-2][1])
      assert_equal ["UnknownName", true], answers[-1].values_at(0, 2)
    end

    define_method("test_#{entry.key}_names_the_nearest_option") do
      skip entry.missing if entry.missing
      good = self.class.live(entry).keys.last.name
      message = ChildProcess.ruby("begin; AllocStats.tune(#{good.chop}: 1); rescue AllocStats::UnknownName => error; error.message; end", allocator: entry).value
      assert_equal "no option of #{entry.name} is named \"#{good.chop}\"; did you mean #{good}?", message
    end

    # The allocator is made to refuse the second option after the first was set.
    define_method("test_#{entry.key}_puts_back_what_was_set_before_the_refusal") do
      skip entry.missing if entry.missing
      skip "glibc's own defaults are no values that could be set" if entry.name == :glibc
      first, second = self.class.live(entry).to_a
      reached, refusal = ChildProcess.ruby(<<~RUBY, allocator: entry).value
        #{EVERYTHING}
        reached = nil
        AllocStats::Tuner.option(:#{second[0]}).class.prepend(Module.new {
          define_method(:set) { |value|
            next super(value) unless name == :#{second[0]} && reached.nil?
            reached = everything.call
            raise AllocStats::InvalidValue, "the allocator did not take it"
          }
        })
        start = everything.call
        refusal = refused.call(#{first[0]}: #{first[1]}, #{second[0]}: #{second[1]})
        [reached != start, refusal]
      RUBY
      assert reached, "the first option had not been set"
      assert_equal ["InvalidValue", "the allocator did not take it", true], refusal
    end

    define_method("test_#{entry.key}_keeps_tuned_values_in_children_and_grandchildren") do
      skip entry.missing if entry.missing
      here, child, grandchild = ChildProcess.ruby(<<~RUBY, allocator: entry).value
        #{EVERYTHING}
        in_child = lambda do |&look|
          reader, writer = IO.pipe
          pid = fork { reader.close; writer.write(Marshal.dump(look.call)); writer.close; exit!(0) }
          writer.close
          Marshal.load(reader.read).tap { Process.wait(pid) }
        end
        threads = Array.new(4) { Thread.new { Array.new(100) { "x" * rand(9000) }; sleep } }
        sleep 0.05
        AllocStats.tune(:low_memory)
        [everything.call, in_child.call { everything.call }, in_child.call { in_child.call { everything.call } }]
      RUBY
      assert_equal here, child
      assert_equal here, grandchild
    end

    define_method("test_#{entry.key}_keeps_tuned_values_in_the_workers_of_a_puma_cluster") do
      skip entry.missing if entry.missing
      skip PumaServer.missing(PumaServer::GEMFILE) if PumaServer.missing(PumaServer::GEMFILE)
      wanted = self.class.live(entry)
      wanted = wanted.merge(background_thread: true) if entry.name == :jemalloc
      rackup = <<~RUBY
        require "allocstats"
        require "json"
        names = #{wanted.keys.inspect}
        threads = -> { #{ThreadNames::JEMALLOCS} }
        run ->(_env) { [200, {"content-type" => "application/json"}, [JSON.generate(pid: Process.pid, values: names.map { |name| AllocStats::Tuner.option(name).value }, threads: threads.call)]] }
      RUBY
      [true, false].each do |preload|
        config = "require \"allocstats\"\nAllocStats.tune(**#{wanted.inspect})\npreload_app! #{preload}\n"
        PumaServer.run(rackup: rackup, workers: 2, threads: 2, config: config, allocator: entry) do |server|
          answers = Array.new(6) { JSON.parse(server.get("/").body) }
          answers.each do |answer|
            refute_equal server.pid, answer["pid"]
            assert_equal wanted.values, answer["values"], "preload_app! #{preload}"
            assert_operator answer["threads"], :>=, 1 if entry.name == :jemalloc
          end
        end
      end
    end
  end

  def test_an_allocator_that_cannot_be_tuned_says_so
    require "support/compiled"
    messages = ChildProcess.ruby("[[:low_memory], []].map { |profile| AllocStats.tune(*profile, arena_max: 2) rescue [$!.class.name, $!.message] }", env: {"LD_PRELOAD" => Compiled.library("whole_shim")}).value
    messages.each do |kind, message|
      assert_equal "AllocStats::Unsupported", kind
      assert_match(/has nothing that can be tuned; jemalloc, mimalloc, tcmalloc and glibc have/, message)
    end
  end

  def test_an_option_that_is_given_goes_before_the_profiles
    tuning = ChildProcess.ruby("AllocStats.tune('balanced', arena_max: 7).to_h", allocator: TestAllocators["glibc"]).value
    assert_equal 7, tuning[:asked][:arena_max]
    assert_equal 7, tuning[:now][:arena_max]
    assert_equal "balanced", tuning[:profile]
  end

  def test_names_may_be_strings_and_nothing_else
    assert_equal 3, ChildProcess.ruby("AllocStats.tune(**{'arena_max' => 3}).now[:arena_max]").value
    assert_match(/has a Symbol or a String for its name/, ChildProcess.ruby("AllocStats.tune(**{1 => 3}) rescue $!.message").value)
  end
end

# For a test that holds under all versions of an allocator, whose name is NAME; skips where there is none.
module EachVersion
  def each_version
    versions = TestAllocators.select { |entry| entry.name == self.class::NAME }
    versions.each { |entry| yield entry unless entry.missing }
    skip versions.first.missing if versions.all?(&:missing)
  end
end

class TuneJemallocTest < Minitest::Test
  include EachVersion

  NAME = :jemalloc

  def test_decay_is_set_in_the_arenas_there_are_and_those_to_come
    each_version do |entry|
      before, after, made, large = ChildProcess.ruby(<<~RUBY, allocator: entry).value
        threads = Array.new(6) { Thread.new { Array.new(50) { "x" * 5000 }; sleep } }
        sleep 0.05
        large = "x" * (16 << 20) # brings the arena of large blocks to life
        index = AllocStats.mallctl("opt.narenas")
        arenas = (0...index).select { |i| AllocStats.mallctl("arena.\#{i}.initialized") }
        look = -> { arenas.map { |i| [AllocStats.mallctl("arena.\#{i}.dirty_decay_ms"), AllocStats.mallctl("arena.\#{i}.muzzy_decay_ms")] }.uniq }
        before = [look.call, AllocStats.mallctl("arena.\#{index}.dirty_decay_ms")]
        AllocStats.tune(dirty_decay_ms: 4321, muzzy_decay_ms: 21)
        made = AllocStats.mallctl("arenas.create")
        [before + [arenas.size], look.call, [AllocStats.mallctl("arena.\#{made}.dirty_decay_ms"), AllocStats.mallctl("arena.\#{made}.muzzy_decay_ms")], AllocStats.mallctl("arena.\#{index}.dirty_decay_ms")]
      RUBY
      assert_equal [[[10_000, 0]], 0], before.first(2)
      assert_operator before.last, :>=, 3
      assert_equal [[4321, 21]], after
      assert_equal [4321, 21], made
      assert_equal 0, large, "the arena of large blocks keeps nothing"
    end
  end

  def test_an_arena_with_a_value_of_its_own_gets_it_back
    each_version do |entry|
      assert_equal [10_000, 99, 10_000], ChildProcess.ruby(<<~RUBY, allocator: entry).value
        own = AllocStats.mallctl("arenas.create")
        AllocStats.mallctl("arena.\#{own}.dirty_decay_ms", 99)
        option = AllocStats::Tuner.option(:dirty_decay_ms)
        state = option.state
        option.set(5)
        made = AllocStats.mallctl("arenas.create")
        option.restore(state)
        [AllocStats.mallctl("arenas.dirty_decay_ms"), AllocStats.mallctl("arena.\#{own}.dirty_decay_ms"), AllocStats.mallctl("arena.\#{made}.dirty_decay_ms")]
      RUBY
    end
  end

  def test_background_threads_run_and_give_pages_back_without_being_asked
    each_version do |entry|
      stock, tuned, threads = ChildProcess.ruby(<<~RUBY, allocator: entry).value
        work = -> { Array.new(30_000) { "x" * 1500 }.clear; GC.start; sleep 1; AllocStats.sample.rss }
        stock = work.call
        AllocStats.tune(background_thread: true, dirty_decay_ms: 100, muzzy_decay_ms: 0)
        [stock, work.call, #{ThreadNames::JEMALLOCS}]
      RUBY
      assert_operator threads, :>=, 1
      assert_operator stock - tuned, :>, 20_000_000
    end
  end

  def test_the_oversize_threshold_makes_freed_ranges_go_back_at_once
    each_version do |entry|
      tuning, kept, gone, never = ChildProcess.ruby(<<~RUBY, allocator: entry).value
        left = lambda do
          before = AllocStats.mallctl("stats.resident")
          text = "x" * (4 << 20)
          text.clear
          AllocStats.mallctl("stats.resident") - before
        end
        left.call
        AllocStats.mallctl("arena.all.purge")
        kept = left.call
        tuning = AllocStats.tune(oversize_threshold: 1 << 20)
        AllocStats.mallctl("arena.all.purge")
        gone = left.call
        [tuning.to_h, kept, gone, AllocStats.tune(oversize_threshold: 0).now]
      RUBY
      assert_equal [{oversize_threshold: 8 << 20}, {oversize_threshold: 1 << 20}], tuning.values_at(:before, :now)
      assert_match(/MALLOC_CONF=oversize_threshold:1048576/, tuning[:remarks][:oversize_threshold])
      assert_operator kept, :>, 3 << 20
      assert_operator gone, :<, 1 << 20
      assert_equal({oversize_threshold: 0}, never)
    end
  end

  def test_the_thread_cache_is_of_this_thread_and_the_rest_is_told
    each_version do |entry|
      tuning, elsewhere = ChildProcess.ruby("[AllocStats.tune(tcache: false).to_h, Thread.new { AllocStats.mallctl('thread.tcache.enabled') }.value]", allocator: entry).value
      assert_equal({tcache: false}, tuning[:now])
      assert_match(/MALLOC_CONF=tcache:false in the environment sets it for all/, tuning[:remarks][:tcache])
      assert elsewhere
    end
  end

  def test_what_is_fixed_at_the_start_comes_with_the_line_that_sets_it
    each_version do |entry|
      options = {narenas: 3, thp: "never", tcache_max: 4096, percpu_arena: "percpu", retain: false}
      tuning = ChildProcess.ruby("AllocStats.tune(**#{options.inspect}).to_h", allocator: entry, env: {"MALLOC_CONF" => "dirty_decay_ms:777,narenas:5"}).value
      assert_equal options.keys, tuning[:failed].keys
      assert_equal "narenas is read when jemalloc starts: MALLOC_CONF=narenas:3 in the environment sets it", tuning[:failed][:narenas]
      assert_equal tuning[:before], tuning[:now]
      assert_equal 5, tuning[:now][:narenas]
      assert_equal({MALLOC_CONF: "dirty_decay_ms:777,narenas:3,thp:never,tcache_max:4096,percpu_arena:percpu,retain:false"}, tuning[:environment])
      again = ChildProcess.ruby("AllocStats.tune(**#{options.inspect}).to_h", allocator: entry, env: tuning[:environment]).value
      assert_empty again[:failed]
    end
  end

  def test_words_and_numbers_that_jemalloc_would_ignore_are_invalid
    each_version do |entry|
      answers = ChildProcess.ruby(<<~RUBY, allocator: entry).value
        [{thp: "sometimes"}, {narenas: 0}, {retain: 1}, {tcache_max: -1}, {max_background_threads: 0}, {max_background_threads: 10_000}, {oversize_threshold: 5}, {dirty_decay_ms: 1.5}, {stats_print_opts: "a,b"}].map { |options| AllocStats.tune(**options) rescue $!.class.name }
      RUBY
      assert_equal ["AllocStats::InvalidValue"], answers.uniq
    end
  end

  def test_an_option_of_another_version_says_so
    entry = TestAllocators["jemalloc-5.3.0"]
    skip entry.missing if entry.missing
    assert_equal "jemalloc 5.3.0 has no opt.hpa_purge_threshold, which came with 5.3.1", ChildProcess.ruby("AllocStats.tune(hpa_purge_threshold: 4096) rescue $!.message", allocator: entry).value
  end
end

class TuneMimallocTest < Minitest::Test
  include EachVersion

  NAME = :mimalloc

  def test_an_option_has_the_name_of_the_running_version
    each_version do |entry|
      names, twice = ChildProcess.ruby("[AllocStats.tune(purge_delay: 77).now, (AllocStats.tune(purge_delay: 1, decommit_delay: 1) rescue $!.class.name)]", allocator: entry).value
      assert_equal({((entry.version == "2.0.9") ? :decommit_delay : :purge_delay) => 77}, names)
      assert_equal "AllocStats::InvalidValue", twice
    end
  end

  def test_what_is_fixed_or_does_nothing_says_so
    each_version do |entry|
      tuning = ChildProcess.ruby("AllocStats.tune(use_numa_nodes: 2, os_tag: 7).to_h", allocator: entry).value
      assert_equal "use_numa_nodes is read when mimalloc starts: MIMALLOC_USE_NUMA_NODES=2 in the environment sets it", tuning[:failed][:use_numa_nodes]
      assert_equal "os_tag does nothing on Linux: nothing sets it from outside", tuning[:failed][:os_tag]
      assert_equal({MIMALLOC_USE_NUMA_NODES: "2"}, tuning[:environment])
    end
  end

  # Without a unit, mimalloc would read bytes.
  def test_a_size_goes_into_the_environment_with_its_unit
    entry = TestAllocators["mimalloc-3.6.0"]
    skip entry.missing if entry.missing
    tuning = ChildProcess.ruby("AllocStats.tune(minimal_purge_size: 64).to_h", allocator: entry).value
    assert_equal({MIMALLOC_ARENA_PURGE_MIN_SIZE: "64KiB"}, tuning[:environment])
    assert_equal 64, ChildProcess.ruby("AllocStats.mi_option(:arena_purge_min_size)", allocator: entry, env: tuning[:environment]).value
  end

  def test_without_a_delay_pages_go_back_at_once
    entry = TestAllocators["mimalloc-3.6.0"]
    skip entry.missing if entry.missing
    stock, tuned = ["", "AllocStats.tune(purge_delay: 0)"].map { |tune|
      ChildProcess.ruby("#{tune}; Array.new(5) { Array.new(30_000) { |i| 'x' * (200 + (i * 37) % 1800) }.clear }; GC.start; AllocStats.sample.rss", allocator: entry).value
    }
    assert_operator stock - tuned, :>, 15_000_000
  end

  # A purge sets options for its own time and puts them back after it.
  def test_a_purge_under_way_does_not_undo_a_tuning
    each_version do |entry|
      tuned, after = ChildProcess.ruby(<<~RUBY, allocator: entry).value
        begun, go = Queue.new, Queue.new
        purge = Thread.new { AllocStats::Purge.apart { AllocStats::Purge.with_options { begun << true; go.pop } } }
        begun.pop
        tuning = Thread.new { AllocStats.tune(purge_delay: 4711) }
        sleep 0.05
        go << true
        [tuning.value.now.values, [AllocStats.mi_option(:purge_delay)]]
      RUBY
      assert_equal [4711], tuned
      assert_equal [4711], after
    end
  end
end

class TuneGlibcTest < Minitest::Test
  ARENAS = "Array.new(12) { Thread.new { Array.new(200) { 'x' * 3000 }; sleep } }; sleep 0.2; AllocStats.malloc_info[:arena_count]"

  def test_the_arena_limit_holds_for_arenas_that_are_not_there_yet
    stock, limited = ["", "AllocStats.tune(arena_max: 2)"].map { |tune| ChildProcess.ruby("#{tune}; #{ARENAS}").value }
    assert_operator stock, :>, 2
    assert_equal 2, limited
  end

  def test_a_limit_that_comes_too_late_says_so
    tuning, count = ChildProcess.ruby("#{ARENAS}; [AllocStats.tune(arena_max: 1).to_h, AllocStats.malloc_info[:arena_count]]").value
    assert_operator count, :>, 1
    assert_equal({arena_max: nil}, tuning[:before])
    assert_match(/those that there are stay.*MALLOC_ARENA_MAX=1 in the environment/, tuning[:remarks][:arena_max])
    again = ChildProcess.ruby("AllocStats.tune(arena_max: 1).to_h", env: {"MALLOC_ARENA_MAX" => "3"}).value
    assert_equal({arena_max: 3}, again[:before])
    assert_match(/the limit of 3 stays if an arena was made under it/, again[:remarks][:arena_max])
  end

  def test_the_trim_threshold_makes_the_end_of_the_heap_go_back
    stock, tuned = [512 << 20, 128 << 10].map { |threshold|
      ChildProcess.ruby("AllocStats.tune(trim_threshold: #{threshold}, mmap_threshold: 32 << 20); texts = Array.new(40) { 'x' * (1 << 20) }; texts.each(&:clear); AllocStats.sample.rss").value
    }
    assert_operator stock - tuned, :>, 30_000_000
  end

  def test_what_glibc_ignores_or_has_no_variable_for
    tuning = ChildProcess.ruby("AllocStats.tune(check_action: 3, mxfast: 64).to_h", env: {"GLIBC_TUNABLES" => "glibc.malloc.arena_max=2:glibc.malloc.mxfast=32"}).value
    assert_equal "check_action is ignored by glibc: nothing sets it from outside", tuning[:failed][:check_action]
    assert_equal({mxfast: 32}, tuning[:before].slice(:mxfast))
    assert_equal({GLIBC_TUNABLES: "glibc.malloc.arena_max=2:glibc.malloc.mxfast=64"}, tuning[:environment])
  end
end

class TuneTcmallocTest < Minitest::Test
  ENTRY = TestAllocators["tcmalloc"]

  def test_aggressive_decommit_gives_pages_back_at_once
    skip ENTRY.missing if ENTRY.missing
    free = ["", "AllocStats.tune(aggressive_memory_decommit: true)"].map { |tune|
      ChildProcess.ruby("#{tune}; texts = Array.new(40) { 'x' * (1 << 20) }; texts.each(&:clear); AllocStats.tcmalloc_properties['tcmalloc.pageheap_free_bytes']", allocator: ENTRY).value
    }
    assert_operator free[0], :>, 10_000_000
    assert_operator free[1], :<, 1_000_000
  end

  def test_what_is_read_at_the_start_comes_with_its_variable
    skip ENTRY.missing if ENTRY.missing
    tuning, bad = ChildProcess.ruby("[AllocStats.tune(transfer_num_obj: 40, skip_sbrk: true).to_h, (AllocStats.tune(transfer_num_obj: true) rescue $!.class.name)]", allocator: ENTRY).value
    assert_equal({transfer_num_obj: "transfer_num_obj is read when tcmalloc starts: TCMALLOC_TRANSFER_NUM_OBJ=40 in the environment sets it",
      skip_sbrk: "skip_sbrk is read when tcmalloc starts: TCMALLOC_SKIP_SBRK=1 in the environment sets it"}, tuning[:failed])
    assert_equal "AllocStats::InvalidValue", bad
  end
end
