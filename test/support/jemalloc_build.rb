# frozen_string_literal: true

require "fileutils"

require_relative "../../ext/allocstats/build/archive"
require_relative "../../ext/allocstats/build/shared_allocator"

# jemalloc as a shared object, from the archives that dependencies.yml pins, by the gem's own build. What was compiled is
# kept, for it takes a minute: the tests of the bundle use the same.
class JemallocBuild
  FOLDER = File.join(ENV.fetch("ALLOCSTATS_CACHE") { File.expand_path("../../tmp/allocators", __dir__) }, "built")

  def initialize(version)
    @version = version
  end

  # Puts the shared object into `target`. Raises AllocStats::Build::Failure.
  def install(library, target)
    archive = AllocStats::Build::Archive.obtain("jemalloc", @version, report: ->(line) { puts "  #{line}" })
    allocator = AllocStats::Build::SharedAllocator.for(archive, FOLDER)
    allocator.build
    FileUtils.cp(allocator.library, File.join(target, library))
  end
end
