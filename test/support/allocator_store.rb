# frozen_string_literal: true

require "fileutils"
require "tmpdir"

require_relative "allocators"
require_relative "debian_suites"
require_relative "jemalloc_build"

module TestAllocators
  # Puts into TestAllocators.folder what is not there yet. What cannot be got is told and left out: its tests are then
  # skipped, with the reason.
  class Store
    def fill
      TestAllocators.each do |entry|
        next if entry.available?

        puts "getting #{entry.name} #{entry.wanted} (#{entry.suite})"
        obtain(entry)
      rescue DebianSuites::Unavailable, JemallocBuild::Failed => error
        warn "  #{entry.name} #{entry.wanted} is not to be had: #{error.message}"
      end
    end

    private

    def obtain(entry)
      if entry.suite == "source"
        keep(entry, entry.wanted) { |folder| JemallocBuild.new(entry.wanted, File.join(TestAllocators.folder, "apt-source")).install(entry.library, folder) }
      else
        debian_version = newest_or_wanted(entry)
        keep(entry, DebianSuites.upstream(debian_version)) { |folder| extract(entry, debian_version, folder) }
      end
    end

    def newest_or_wanted(entry)
      versions = suites.versions(entry.package, entry.suite)
      versions.find { |version| DebianSuites.upstream(version) == entry.wanted } || versions.first or
        raise DebianSuites::Unavailable, "Debian's #{entry.suite} has no package #{entry.package} any more"
    end

    # The folder appears whole or not at all: an interrupted run leaves nothing that looks finished.
    def keep(entry, version)
      FileUtils.mkdir_p(entry.folder)
      Dir.mktmpdir("unfinished-", TestAllocators.folder) do |folder|
        yield folder
        FileUtils.chmod(0o755, folder)
        FileUtils.mv(folder, File.join(entry.folder, version))
        FileUtils.mkdir_p(folder)
      end
    end

    def extract(entry, debian_version, folder)
      Dir.mktmpdir do |files|
        suites.unpack(entry.package, debian_version, files)
        library = Dir.glob(File.join(files, "usr/lib/*", entry.library)).first or
          raise DebianSuites::Unavailable, "#{entry.package} #{debian_version} holds no #{entry.library}"
        FileUtils.cp(File.realpath(library), File.join(folder, entry.library))
      end
    end

    def suites
      @suites ||= begin
        names = ALL.map(&:suite).compact.uniq - ["source"]
        DebianSuites.new(File.join(TestAllocators.folder, "apt"), names)
      end
    end
  end
end
