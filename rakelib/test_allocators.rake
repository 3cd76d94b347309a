# frozen_string_literal: true

# The allocators that tests preload are real ones, got once and kept: Debian's binaries from its suites, and jemalloc
# 5.3.1 built from source, whose binary in Debian needs a newer C library than Debian 12 has.
desc "Get the allocators that the tests preload (tmp/allocators, or ALLOCSTATS_CACHE)"
task :test_allocators do
  require_relative "../test/support/allocator_store"

  TestAllocators::Store.new.fill
  TestAllocators.each do |entry|
    puts "  #{entry.key.ljust(16)} #{entry.missing || entry.path || "the C library's own"}"
    warn "  #{entry.moved}" if entry.moved
  end
end
