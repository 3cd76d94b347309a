# frozen_string_literal: true

require "fileutils"
require "open3"
require_relative "dependencies"
require_relative "sources"

module AllocStats
  module Build
    # A source archive on this machine whose bytes are those that dependencies.yml pins.
    #
    #   archive = Archive.obtain("jemalloc", "5.3.1")   # looks in each source in turn, raises Failure if none has it
    #   archive.path                                     # where it lies
    #   archive.unpack("tmp/jemalloc-5.3.1")             # its contents, without the one folder that holds them all
    class Archive
      attr_reader :pin, :path, :origin

      # The first of the pins that a source has. Every source is asked for all of them before the next source is asked,
      # because the sources are ordered by what they cost: a file, the network, a package manager.
      #
      # `name`, `version`: see dependencies.yml; or give the acceptable `pins`, the preferred one first.
      # `report` is called with each line of what was tried and why it was or was not taken.
      def self.obtain(name = nil, version = nil, pins: Dependencies.load.pins(name, version), sources: Sources.usual,
        report: proc {})
        sources.each do |source|
          archive = from(source, pins, report)
          return archive if archive
        end
        raise Failure, "no source archive of #{names(pins)} could be had: connect to the network, " \
          "or put #{pins.map(&:file).join(" or ")} into a folder and name it with --with-archives=FOLDER."
      end

      def self.from(source, pins, report)
        pins.each do |pin|
          path = source.fetch(pin) or next
          return new(pin, path, source.to_s).tap { |archive| report.call(archive.to_s) }
        end
        report.call("no #{names(pins)} from #{source}: #{source.reason}")
        nil
      end
      private_class_method :from

      # "mimalloc 2.2.4 or 2.0.9"
      def self.names(pins) = "#{pins.first.name} #{pins.map(&:version).uniq.join(" or ")}"
      private_class_method :names

      # Raises Failure unless the file at `path` holds exactly the bytes that `pin` names.
      def initialize(pin, path, origin)
        @pin, @path, @origin = pin, path, origin
        pin.verify(File.binread(path), path)
      end

      # Unpacks into `folder`, which is made anew, and returns it.
      def unpack(folder)
        FileUtils.rm_rf(folder)
        FileUtils.mkdir_p(folder)
        output, status = Open3.capture2e("tar", "-xf", path, "-C", folder, "--strip-components=1")
        return folder if status.success?

        raise Failure, "tar could not unpack #{path}: #{output.lines.last.to_s.strip}; install #{decompressor} and tar."
      rescue Errno::ENOENT
        raise Failure, "tar is needed to unpack #{path}: install tar and #{decompressor}."
      end

      def to_s = "#{pin} from #{origin}: #{path} (SHA-256 #{pin.sha256}, as pinned)"

      private

      def decompressor
        {".gz" => "gzip", ".bz2" => "bzip2", ".xz" => "xz (Debian: xz-utils)"}.fetch(File.extname(path))
      end
    end
  end
end
