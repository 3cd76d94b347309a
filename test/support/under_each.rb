# frozen_string_literal: true

require "support/allocators"
require "support/child_process"

# For a module of tests that holds under each of several allocators: makes one test class of it an allocator, nested in
# the module, with the entry as ENTRY and `child` to run code under it.
#
#   module MiStatsTests
#     def test_something = assert_equal(1, child("1"))
#     UnderEach.of(self, :mimalloc)
#   end
module UnderEach
  # names:: of allocators, or of one version of each ("jemalloc-5.3.0"); none for all of TestAllocators
  def self.of(tests, *names)
    TestAllocators.each do |entry|
      next unless names.empty? || names.include?(entry.name) || names.include?("#{entry.name}-#{entry.wanted}")

      under = Class.new(Minitest::Test)
      under.const_set(:ENTRY, entry)
      under.include(self, tests)
      tests.const_set("Under#{entry.key.gsub(/\W/, "_").capitalize}", under)
    end
  end

  # What came of code that ran in a process of its own under this class's allocator; skips where that is missing.
  def child_result(code, **options)
    entry = self.class::ENTRY
    skip entry.missing if entry.missing
    ChildProcess.ruby(code, allocator: entry, **options)
  end

  # The value of its last expression.
  def child(code, **options) = child_result(code, **options).value
end
