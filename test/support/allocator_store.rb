# frozen_string_literal: true

require "fileutils"
require "open3"
require "tmpdir"

require_relative "allocators"
require_relative "debian_suite"
require_relative "jemalloc_build"

module TestAllocators
  # Puts into TestAllocators.folder what is not there yet. What cannot be got is told and left out: its tests are then
  # skipped, with the reason.
  class Store
    def fill
      TestAllocators.reject(&:available?).each do |entry|
        puts "getting #{entry.name} #{entry.wanted} (#{entry.suite})"
        obtain(entry)
      rescue DebianSuite::Unavailable, AllocStats::Build::Failure => error
        warn "  #{entry.name} #{entry.wanted} is not to be had: #{error.message}"
      end
    end

    private

    def obtain(entry)
      if entry.suite == "source"
        keep(entry, entry.wanted) { |folder| JemallocBuild.new(entry.wanted).install(entry.library, folder) }
      else
        version = wanted_or_newest(entry)
        keep(entry, DebianSuite.upstream(version)) { |folder| extract(entry, version, folder) }
      end
    end

    def wanted_or_newest(entry)
      versions = suite(entry.suite).versions(entry.package)
      versions.find { |version| DebianSuite.upstream(version) == entry.wanted } || versions.first or
        raise DebianSuite::Unavailable, "Debian's #{entry.suite} has no package #{entry.package} any more"
    end

    # The folder appears whole or not at all: an interrupted run leaves nothing that looks finished.
    def keep(entry, version)
      FileUtils.mkdir_p(entry.folder)
      unfinished = Dir.mktmpdir("unfinished-", TestAllocators.folder)
      yield unfinished
      demand_preloading(File.join(unfinished, entry.library))
      FileUtils.chmod(0o755, unfinished)
      File.rename(unfinished, File.join(entry.folder, version))
    ensure
      FileUtils.rm_rf(unfinished) if unfinished
    end

    def extract(entry, version, folder)
      Dir.mktmpdir do |files|
        suite(entry.suite).unpack(entry.package, version, files)
        library = Dir.glob(File.join(files, "usr/lib/*", entry.library)).first or
          raise DebianSuite::Unavailable, "#{entry.package} #{version} holds no #{entry.library}"
        FileUtils.cp(File.realpath(library), File.join(folder, entry.library))
      end
    end

    # A library of a newer suite can need a newer C library than this machine's: ld.so then warns, and goes on without.
    def demand_preloading(library)
      output, = Open3.capture2e({"LD_PRELOAD" => library}, "true")
      raise DebianSuite::Unavailable, "it does not load here: #{output.lines.first.strip}" unless output.empty?
    end

    def suite(name)
      @suites ||= Hash.new { |suites, key| suites[key] = DebianSuite.new(File.join(TestAllocators.folder, "apt", key), key) }
      @suites[name]
    end
  end
end
