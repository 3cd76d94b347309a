# frozen_string_literal: true

require "fileutils"
require "open3"
require_relative "../../ext/allocstats/build/archive"
require_relative "../../ext/allocstats/build/private_allocator"

# Programs in C (test/support/c) on the private heap, with one of the allocators that can be linked into the extension:
# the same archive and the same compilation as in the extension. Kept in tmp/private_heap, for jemalloc takes its time.
class PrivateHeapBuild
  FOLDER = File.expand_path("../../tmp/private_heap", __dir__)
  EXTENSION = File.expand_path("../../ext/allocstats", __dir__)
  SOURCES = File.expand_path("c", __dir__)

  # One for each pin that may be linked in; those that cannot be had here say why.
  def self.all
    dependencies = AllocStats::Build::Dependencies.load
    dependencies.private_allocators.flat_map { |name| dependencies.private_pins(name) }.uniq(&:to_s).map { |pin| new(pin) }
  end

  attr_reader :pin

  def initialize(pin)
    @pin = pin
  end

  # Why it cannot be built here, for `skip`; nil where it can. Looks for the archive, in the network too.
  def missing
    archive
    nil
  rescue AllocStats::Build::Failure
    "#{pin} is not to be had here: #{@tried.join("; ")}"
  end

  # The path of the compiled program.
  def program(name)
    library = allocator
    target = File.join(FOLDER, "#{name}-#{pin.name}-#{pin.version}")
    output, status = Open3.capture2e("gcc", "-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror",
      "-DALLOCSTATS_PRIVATE_#{pin.name.upcase}", %(-DALLOCSTATS_PRIVATE_VERSION="#{pin.version}"),
      "-I#{EXTENSION}", "-isystem", library.include_folder,
      File.join(SOURCES, "#{name}.c"), File.join(EXTENSION, "private_heap.c"), library.library,
      "-pthread", "-lm", "-o", target)
    raise "#{name} on #{pin} could not be compiled: #{output}" unless status.success?

    target
  end

  # The compiled allocator: an AllocStats::Build::PrivateAllocator.
  def allocator
    @allocator ||= AllocStats::Build::PrivateAllocator.for(archive, FOLDER).tap(&:build)
  end

  private

  def archive
    @tried = []
    @archive ||= AllocStats::Build::Archive.obtain(pins: [pin], report: @tried.method(:<<))
  end
end
