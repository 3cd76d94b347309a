# frozen_string_literal: true

require "test_helper"
require "support/stressing"

# A short run of every file of test/stress under every allocator that it is meant for; `rake stress` runs them for longer.
class StressTest < Minitest::Test
  SECONDS = 2

  Stressing.names.each do |name|
    Stressing.allocators(name).each do |entry|
      define_method("test_#{name}_under_#{entry.key}") do
        skip entry.missing if entry.missing
        skip Stressing.unfit(name) if Stressing.unfit(name)
        outcome = Stressing.run(name, allocator: entry, seconds: SECONDS)
        assert_nil outcome.failure
        outcome.done.each { |what, count| assert_operator count, :>, 0, what }
      end
    end
  end
end

# That a run would notice what it is there to notice.
class StressingTest < Minitest::Test
  def outcome(code)
    Dir.mktmpdir do |folder|
      File.write(File.join(folder, "made.rb"), code)
      folder_was = Stressing::FOLDER
      Stressing.send(:remove_const, :FOLDER)
      Stressing.const_set(:FOLDER, folder)
      Stressing.run("made", allocator: TestAllocators["glibc"], seconds: 1)
    ensure
      Stressing.send(:remove_const, :FOLDER)
      Stressing.const_set(:FOLDER, folder_was)
    end
  end

  def test_a_crash_a_failure_and_a_success_are_told
    assert_match(/SIGKILL/, outcome("Process.kill(:KILL, $$)").failure)
    assert_match(/exit 1.*it is broken/m, outcome('abort("it is broken")').failure)
    assert_equal({rounds: 3}, outcome("{rounds: 3}").done)
  end
end
