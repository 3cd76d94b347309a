# frozen_string_literal: true

# As the first line of config/boot.rb, config/puma.rb or any program: the process starts itself again under the allocator
# that ALLOCSTATS_ALLOCATOR (or a buildpack's JEMALLOC_ENABLED, MIMALLOC_ENABLED) names, or the first that is here, with the
# profile of ALLOCSTATS_PROFILE; once, with the same arguments and descriptors. Where that cannot be, it goes on with one
# warning. See docs/exec.md. On platforms other than Linux nothing happens.
require "allocstats/facade"

AllocStats::Launch::ReExec.call if AllocStats.supported?
