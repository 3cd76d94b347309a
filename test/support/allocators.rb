# frozen_string_literal: true

require "etc"

# The real allocators that tests preload, as `rake test_allocators` has put them into tmp/allocators (or the folder
# named by ALLOCSTATS_CACHE):
#
#   TestAllocators.each { |entry| ... }     # all of them, glibc first; those that are missing too
#   entry = TestAllocators["mimalloc-3.6.0"]
#   skip entry.missing if entry.missing
#   ChildProcess.ruby("AllocStats.allocator.version", allocator: entry).value == entry.version
module TestAllocators
  extend Enumerable

  # name::     :jemalloc
  # wanted::   the version that the tests were written against: "3.6.0"
  # library::  the shared object's name, nil for the C library's own malloc
  # suite::    the Debian suite whose binary it is; "source" where it is built
  # package::  Debian's name of the binary, or of the source, package
  Entry = Struct.new(:name, :wanted, :library, :suite, :package, keyword_init: true) do
    # The version that is there, nil where none is. A Debian suite moves on, so it can be newer than the wanted one.
    def version
      return Etc.confstr(Etc::CS_GNU_LIBC_VERSION)[/[\d.]+/] unless library

      versions.include?(wanted) ? wanted : versions.last
    end

    # "jemalloc-5.3.0"
    def key = "#{name}-#{version || wanted}"

    # The shared object to preload; nil for glibc, and where it is missing.
    def path
      library && version && File.join(folder, version, library)
    end

    # What a child process needs in its environment to run under this allocator.
    def env = path ? {"LD_PRELOAD" => path} : {}

    def available? = missing.nil?

    # Why it cannot be used, for `skip`; nil where it can.
    def missing
      "#{name} #{wanted} is not in #{folder}: run `rake test_allocators`" if library && !version
    end

    # Why the tests run under another version than they were written against; nil where they do not.
    def moved
      "#{suite} has moved on from #{name} #{wanted}: the tests run under #{version}" if library && version && version != wanted
    end

    # Holds one folder for each version that was obtained.
    def folder = File.join(TestAllocators.folder, suite, package)

    def to_s = key

    private

    def versions
      Dir.glob("*/#{library}", base: folder).map { |path| File.dirname(path) }.sort_by { |version| Gem::Version.new(version) }
    end
  end

  ALL = [
    Entry.new(name: :glibc),
    Entry.new(name: :jemalloc, wanted: "5.3.0", library: "libjemalloc.so.2", suite: "bookworm", package: "libjemalloc2"),
    Entry.new(name: :jemalloc, wanted: "5.3.1", library: "libjemalloc.so.2", suite: "source", package: "jemalloc"),
    Entry.new(name: :mimalloc, wanted: "2.0.9", library: "libmimalloc.so.2", suite: "bookworm", package: "libmimalloc2.0"),
    Entry.new(name: :mimalloc, wanted: "3.0.1", library: "libmimalloc.so.3", suite: "trixie", package: "libmimalloc3"),
    Entry.new(name: :mimalloc, wanted: "3.6.0", library: "libmimalloc.so.3", suite: "sid", package: "libmimalloc3"),
    Entry.new(name: :tcmalloc, wanted: "2.10", library: "libtcmalloc_minimal.so.4", suite: "bookworm", package: "libtcmalloc-minimal4")
  ].each(&:freeze).freeze

  module_function

  def folder
    ENV.fetch("ALLOCSTATS_CACHE") { File.expand_path("../../tmp/allocators", __dir__) }
  end

  # Every allocator that the tests know, glibc first, the missing ones too.
  def each(&block) = ALL.each(&block)

  # "jemalloc-5.3.0", by the wanted version even where the suite has moved on; "mimalloc" is the newest that is there.
  def [](key)
    ALL.find { |entry| key.to_s == "#{entry.name}-#{entry.wanted}" || key.to_s == entry.key } ||
      newest(key.to_sym) ||
      raise(ArgumentError, "no test allocator is named #{key}: #{ALL.map(&:key).join(", ")}")
  end

  def newest(name)
    entries = ALL.select { |entry| entry.name == name }
    entries.select(&:available?).max_by { |entry| Gem::Version.new(entry.version) } || entries.last
  end
  private_class_method :newest
end
