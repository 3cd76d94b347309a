# frozen_string_literal: true

require "digest"
require "fileutils"
require "json"
require "tmpdir"
require_relative "archive"
require_relative "shared_allocator"

module AllocStats
  module Build
    # The allocators to preload that are built with the gem, into lib/allocstats/bundled, where AllocStats::Launch finds
    # them: a folder for each version, with a record of what it was built from.
    class Bundle
      TARGET = File.join(ROOT, "lib", "allocstats", "bundled")
      RECORD = "built.json"

      # "jemalloc,mimalloc"
      def self.names(text)
        names = text.split(/[,\s]+/).reject(&:empty?).uniq
        unknown = names - SharedAllocator::NAMES
        return names if unknown.empty? && names.any?

        raise Failure, "#{unknown.empty? ? "nothing" : unknown.join(", ")} cannot be bundled: use #{SharedAllocator::NAMES.join(" and ")}, separated by commas."
      end

      # `version` is one of the pinned ones, nil for the default; `folder` is where it is compiled; `report` is called with
      # each line of how it went.
      def initialize(name, version: nil, sources: Sources.usual, folder: "bundle", target: TARGET, report: proc {})
        @name, @sources, @folder, @target, @report = name, sources, folder, target, report
        @version = version || Dependencies.load.bundled_version(name)
      end

      # Answers the path of the shared object. Raises Failure.
      def install
        archive = Archive.obtain(@name, @version, sources: @sources, report: @report)
        allocator = SharedAllocator.for(archive, @folder)
        fresh = allocator.build
        @report.call("#{@name} #{@version} to preload #{fresh ? "compiled" : "was compiled before"}")
        keep(archive, allocator)
      end

      private

      # The folder appears whole or not at all.
      def keep(archive, allocator)
        FileUtils.mkdir_p(@target)
        folder = File.join(@target, "#{@name}-#{@version}")
        unfinished = Dir.mktmpdir("unfinished-", @target)
        FileUtils.cp(allocator.library, unfinished)
        File.write(File.join(unfinished, RECORD), JSON.pretty_generate(record(archive, allocator)))
        FileUtils.chmod(0o755, unfinished)
        FileUtils.rm_rf(folder)
        File.rename(unfinished, folder)
        File.join(folder, allocator.file)
      rescue SystemCallError => error
        raise Failure, "#{@name} #{@version} cannot be put into #{@target}: #{error.message}."
      ensure
        FileUtils.rm_rf(unfinished) if unfinished
      end

      def record(archive, allocator)
        {
          name: @name, version: @version, library: allocator.file, sha256: Digest::SHA256.file(allocator.library).hexdigest,
          archive: archive.pin.file, archive_sha256: archive.pin.sha256, archive_origin: archive.origin, compiler: Platform.compiler_banner
        }
      end
    end
  end
end
