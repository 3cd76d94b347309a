# frozen_string_literal: true

require "digest"
require "etc"
require "fileutils"
require "open3"
require_relative "failure"
require_relative "platform"

module AllocStats
  module Build
    # An allocator compiled from its archive. A subclass says how: `recipe`, all that decides the outcome besides the
    # archive; `compile`, which answers what it has made in the tree of sources and where that is kept; and `purpose` and
    # `advice`, for the sentence where it fails.
    class Compilation
      # `folder` is where it is unpacked and built; what was built there of the same things is used again.
      def initialize(archive, folder)
        @archive, @folder = archive, File.expand_path("#{archive.pin.name}-#{archive.pin.version}", folder)
      end

      def name = @archive.pin.name

      def version = @archive.pin.version

      # Builds unless it was built already; answers whether it had to. Only what is kept stays.
      def build
        return false if File.file?(stamp) && File.read(stamp) == fingerprint

        @archive.unpack(source)
        FileUtils.rm_rf(stamp)
        compile.each do |made, kept|
          FileUtils.rm_rf(kept)
          FileUtils.mv(made, kept)
        end
        FileUtils.rm_rf(source)
        File.write(stamp, fingerprint)
        true
      end

      private

      def source = File.join(@folder, "source")

      def stamp = File.join(@folder, "built-of")

      def fingerprint
        parts = [@archive.pin.sha256, Platform.compiler, Platform.compiler_banner, *recipe]
        Digest::SHA256.hexdigest(parts.join("\0"))
      end

      def run(*command)
        output, status = Open3.capture2e(*command, chdir: source)
        return if status.success?

        log = File.join(@folder, "build.log")
        File.write(log, "#{command.join(" ")}\n#{output}")
        raise Failure, "#{name} #{version}, #{purpose}, did not compile (see #{log}): #{advice}."
      rescue Errno::ENOENT
        raise Failure, "#{name} #{version}, #{purpose}, needs #{command.first}, which is not here: install it."
      end

      def make(*targets)
        run(ENV["MAKE"] || "make", "-j#{Etc.nprocessors}", *targets)
      end
    end
  end
end
