# frozen_string_literal: true

require "test_helper"

# The heap profile as a caller sees it: what is on, what is told, and what is refused.
class HeapProfileTest < Minitest::Test
  MEGABYTE = 1 << 20
  HERE = File.expand_path(__FILE__)
  Profile = AllocStats::HeapProfile

  def teardown
    Profile.stop if Profile.running?
  end

  def large_strings(count) = Array.new(count) { "x" * MEGABYTE }

  # Evaluates code as if it were in that file.
  def compiled(code, file, line) = RubyVM::InstructionSequence.compile(code, file, file, line).eval

  def line_of(snapshot, line) = snapshot.by(:line).find { |row| row.name == "#{HERE}:#{line}" }

  def test_a_block_is_profiled
    kept = nil
    profile = AllocStats.heap_profile(interval: 1024) do
      kept = large_strings(20)
      large_strings(10)
      :answer
    end
    assert_equal :answer, profile.value
    refute Profile.running?
    row = line_of(profile, method(:large_strings).source_location.last)
    assert_operator row.live.bytes, :>=, 20 * MEGABYTE - 1, "garbage may be alive as well"
    assert_operator row.live.to_i, :<=, row.total.to_i, "in whole bytes: the same samples summed in another order differ in the last bit"
    assert_in_delta 30 * MEGABYTE, row.total.bytes, MEGABYTE / 50
    assert_equal 20, kept.size
  end

  def test_what_was_freed_is_no_longer_alive
    Profile.start(interval: 1024)
    strings = large_strings(5)
    alive = line_of(Profile.snapshot, method(:large_strings).source_location.last).live
    strings.each(&:clear)
    freed = line_of(Profile.stop, method(:large_strings).source_location.last).live
    assert_in_delta 5 * MEGABYTE, alive.bytes, MEGABYTE / 100
    assert_equal 0, freed.to_i
  end

  def test_a_difference_is_what_was_born_between
    Profile.start(interval: 1024)
    before = large_strings(3)
    earlier = Profile.snapshot
    between = large_strings(2)
    later = Profile.stop
    difference = later - earlier
    row = line_of(difference, method(:large_strings).source_location.last)
    assert_in_delta 2 * MEGABYTE, row.live.bytes, MEGABYTE / 100
    assert_in_delta 2 * MEGABYTE, row.total.bytes, MEGABYTE / 100
    assert_in_delta later.seconds - earlier.seconds, difference.seconds, 1e-6
    assert_equal 5, before.size + between.size
  end

  def test_an_earlier_birth_does_not_come_back_by_its_death
    Profile.start(interval: 1024)
    before = large_strings(3)
    earlier = Profile.snapshot
    before.each(&:clear)
    row = line_of(Profile.stop - earlier, method(:large_strings).source_location.last)
    assert_equal [0, 0], [row&.live.to_i, row&.total.to_i]
  end

  def test_it_sums_by_method_gem_library_thread_and_stack
    Profile.start(interval: 1024)
    kept = Thread.new do
      Thread.current.name = "a name"
      large_strings(2)
    end.value
    profile = Profile.stop
    assert_equal "String#*", profile.top(1, by: :method).first.name
    assert_equal "(application)", profile.top(1, by: :gem).first.name
    assert_equal "(Ruby)", profile.top(1, by: :library).first.name
    assert_match(/\Aa name \d+\z/, profile.top(1, by: :thread).first.name)
    frames = profile.top(1, by: :stack).first.name.frames
    assert_equal "String#*", frames.first.label
    assert_equal "#{self.class}#large_strings", frames[1].label
    assert_equal HERE, frames[1].path
    assert_equal 2, kept.size
  end

  # The memory of a library of C is under the line of Ruby that asked for it.
  def test_the_buffers_of_a_library_are_under_the_line_that_asked
    require "openssl"
    line = __LINE__ + 1
    make = -> { Array.new(200) { OpenSSL::SSL::SSLContext.new.tap(&:freeze) } }
    make.call
    contexts = nil
    profile = AllocStats.heap_profile(interval: 512) { contexts = make.call }
    row = line_of(profile, line)
    assert_operator row.live.bytes, :>, 100 * 1024
    libraries = profile.by(:library).to_h { |one| [one.name, one.live.bytes] }
    assert_operator libraries.sum { |name, bytes| name.start_with?("libssl", "libcrypto") ? bytes : 0 }, :>, row.live.bytes / 2, libraries.inspect
    assert_equal 200, contexts.size
  end

  def test_without_the_gvl_and_while_garbage_is_collected_no_frames_are_looked_at
    profile = AllocStats.heap_profile(interval: 64) do
      GC.start
      IO.popen("true", &:read)
    end
    profile.rows.each { |row| assert_equal row.name.kind == :ruby, row.name.frames.any?, row.name.path.join(" ") }
  end

  def test_deep_recursion_is_cut_and_said
    dive = ->(depth) { depth.zero? ? "x" * MEGABYTE : dive.call(depth - 1) }
    kept = nil
    profile = AllocStats.heap_profile(interval: 1024) { kept = Thread.new { dive.call(600) }.value }
    stack = profile.rows.map(&:name).find { |one| one.method_name == "String#*" }
    assert stack.cut
    assert_equal 512, stack.frames.size
    assert_equal "(deeper than is looked at)", stack.path.first.label
    assert_equal MEGABYTE, kept.size
  end

  def test_a_full_profile_counts_what_did_not_fit
    kept = nil
    profile = AllocStats::HeapProfile.around(interval: 1024, limit: 4) { kept = large_strings(20) }
    assert_operator profile.dropped.bytes, :>, 10 * MEGABYTE
    assert_match(/because the profile was full/, profile.to_s)
    assert_equal 20, kept.size
  end

  def test_code_without_a_file_and_with_odd_names
    odd = "\xFF\n\e[31m;\u{1F600}"
    kept = []
    profile = AllocStats.heap_profile(interval: 1024) do
      kept << compiled("'x' * #{MEGABYTE}", odd, 7)
      kept << Class.new { define_method(:"odd\n\e;") { "x" * MEGABYTE } }.new.public_send(:"odd\n\e;")
      kept << Class.new { define_method("\xFF".b.to_sym) { "x" * MEGABYTE } }.new.public_send("\xFF".b.to_sym)
      kept << Array.instance_method(:pack).bind_call(["x" * MEGABYTE], "a*")
    end
    text = profile.to_s + profile.to_collapsed
    assert text.valid_encoding?
    refute_match(/\e/, text)
    assert_equal 4, kept.size
  end

  def test_bad_intervals_and_limits
    [0, -1, 2**63, 2**64, 1.5, nil, "1", (1 << 40) + 1].each do |interval|
      error = assert_raises(AllocStats::InvalidValue) { Profile.start(interval: interval) }
      assert_match(/interval/, error.message)
      assert_raises(AllocStats::InvalidValue) { AllocStats.heap_profile(interval: interval) { flunk } }
    end
    assert_match(/limit/, assert_raises(AllocStats::InvalidValue) { Profile.start(limit: 0) }.message)
    assert_raises(AllocStats::InvalidValue) { AllocStats.heap_profile }
    refute Profile.running?
  end

  def test_one_profile_at_a_time
    Profile.start
    [-> { Profile.start }, -> { AllocStats.heap_profile { flunk } }].each do |again|
      assert_match(/on already/, assert_raises(AllocStats::Error, &again).message)
    end
    assert Profile.running?
  end

  def test_nothing_is_stopped_or_told_where_none_is_on
    [-> { Profile.stop }, -> { Profile.snapshot }].each do |call|
      assert_match(/no heap profile is on/, assert_raises(AllocStats::Error, &call).message)
    end
  end

  def test_a_profile_ends_with_its_block_however_that_ends
    assert_raises(ZeroDivisionError) { AllocStats.heap_profile { 1 / 0 } }
    refute Profile.running?
    catch(:out) { AllocStats.heap_profile { throw :out } }
    refute Profile.running?
    thread = Thread.new { AllocStats.heap_profile { sleep } }
    Thread.pass until thread.stop? && Profile.running?
    thread.kill.join
    refute Profile.running?
  end

  def test_snapshots_of_different_profiles_have_no_difference
    Profile.start
    one = Profile.stop
    Profile.start
    other = Profile.stop
    assert_match(/different profiles/, assert_raises(AllocStats::InvalidValue) { other - one }.message)
    assert_match(/not Integer/, assert_raises(AllocStats::InvalidValue) { other - 1 }.message)
  end

  def test_the_earlier_one_is_taken_from_the_later_one
    Profile.start
    one = Profile.snapshot
    two = Profile.snapshot
    assert_raises(AllocStats::InvalidValue) { one - two }
  end

  def test_an_unknown_way_to_sum
    profile = AllocStats.heap_profile {}
    assert_match(/line, method/, assert_raises(AllocStats::UnknownName) { profile.by(:colour) }.message)
    assert_raises(AllocStats::UnknownName) { profile.write("profile.pdf") }
  end

  def test_a_child_goes_on_with_its_copy
    result = ChildProcess.ruby(<<~RUBY).value
      profile = AllocStats::HeapProfile.start(interval: 1024)
      strings = ->(snapshot) { snapshot.by(:method).find { |row| row.name == "String#*" }.live.to_i }
      kept = Array.new(3) { "x" * #{MEGABYTE} }
      earlier = profile.snapshot
      reader, writer = IO.pipe
      fork do
        more = Array.new(2) { "x" * #{MEGABYTE} }
        now = profile.snapshot
        error = begin
          now - earlier
        rescue AllocStats::InvalidValue => refused
          refused.message
        end
        writer.write(Marshal.dump([strings.call(now), error, more.size]))
        writer.close
        exit!
      end
      writer.close
      child = Marshal.load(reader.read)
      Process.wait
      [child, strings.call(profile.stop), kept.size]
    RUBY
    child, parent, = result
    assert_in_delta 5 * MEGABYTE, child[0], MEGABYTE / 100
    assert_match(/different processes/, child[1])
    assert_in_delta 3 * MEGABYTE, parent, MEGABYTE / 100
  end

  def test_it_is_the_main_ractors
    refused = ChildProcess.ruby(<<~RUBY, options: ["-W:no-experimental"]).value
      AllocStats::HeapProfile.start
      answer = ->(ractor) { ractor.respond_to?(:take) ? ractor.take : ractor.value }
      [
        answer.call(Ractor.new { AllocStats::HeapProfile.start rescue [$!.class.name, $!.message] }),
        answer.call(Ractor.new { AllocStats::HeapProfile.snapshot rescue [$!.class.name, $!.message] }),
        answer.call(Ractor.new { AllocStats.heap_profile { } rescue [$!.class.name, $!.message] })
      ]
    RUBY
    refused.each { |error| assert_equal ["AllocStats::Unsupported", "AllocStats.heap_profile works in the main Ractor alone; sample and measure work in all"], error }
  end

  def test_what_it_kept_is_given_back
    before = AllocStats.private_heap.held.fetch(:heap_profile)
    Profile.start(interval: 64)
    strings = large_strings(2)
    assert_operator AllocStats.private_heap.held.fetch(:heap_profile), :>, before
    Profile.stop
    assert_equal before, AllocStats.private_heap.held.fetch(:heap_profile)
    assert_equal 2, strings.size
  end

  # Code is kept while its names may be asked for, and no longer.
  def test_code_that_is_gone_has_its_name
    Profile.start(interval: 1024)
    kept = Array.new(20) { |i| compiled("'x' * #{MEGABYTE}", "made_#{i}.rb", 5) }
    4.times { GC.start }
    GC.compact if GC.respond_to?(:compact)
    names = Profile.stop.by(:line).map(&:name)
    20.times { |i| assert(names.any? { |name| name.end_with?("made_#{i}.rb:5") }, names.inspect) }
    assert_equal 20, kept.size
  end
end
