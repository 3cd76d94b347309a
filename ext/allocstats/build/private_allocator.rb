# frozen_string_literal: true

require "digest"
require "etc"
require "fileutils"
require "open3"
require_relative "failure"
require_relative "platform"

module AllocStats
  module Build
    # The allocator that is linked into the extension: an archive compiled to a static library with hidden symbols. A
    # subclass says how: `recipe`, all that decides the outcome besides the archive, and `compile`, which answers the
    # folder of headers and the library it has made in the tree of sources.
    class PrivateAllocator
      # -fPIC and hidden names: it becomes part of a shared object that exports one function. local-dynamic: a static
      # TLS block has no room for it when the extension is loaded by dlopen.
      FLAGS = %w[-std=gnu11 -O2 -fPIC -fvisibility=hidden -ftls-model=local-dynamic -DNDEBUG -w].freeze

      # What is compiled of ours with either of them.
      OURS = File.expand_path("../private_heap", __dir__)
      QUIET_MAPPING = File.join(OURS, "quiet_mapping.h")

      def self.for(archive, folder)
        {"mimalloc" => Mimalloc, "jemalloc" => Jemalloc}.fetch(archive.pin.name).new(archive, folder)
      end

      # `folder` is where it is unpacked and built; what was built there of the same things is used again.
      def initialize(archive, folder)
        @archive, @folder = archive, File.expand_path("#{archive.pin.name}-#{archive.pin.version}", folder)
      end

      def name = @archive.pin.name

      def version = @archive.pin.version

      # What a build needs of it afterwards.
      def include_folder = File.join(@folder, "include")

      def library = File.join(@folder, "libprivate_heap.a")

      # Builds unless it was built already; answers whether it had to. Only the headers and the library stay.
      def build
        return false if File.file?(stamp) && File.read(stamp) == fingerprint

        @archive.unpack(source)
        FileUtils.rm_rf([stamp, include_folder])
        headers, library_there = compile
        FileUtils.mv(headers, include_folder)
        FileUtils.mv(library_there, library)
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
        raise Failure, "#{name} #{version}, the private allocator, did not compile (see #{log}): " \
          "try another compiler (CC=clang), or --with-private-allocator=#{other}."
      end

      def other = (name == "mimalloc") ? "jemalloc" : "mimalloc"

      # One file that includes all of mimalloc, with the settings that make it a quiet guest.
      class Mimalloc < PrivateAllocator
        WRAPPER = File.join(OURS, "mimalloc.c")

        private

        def recipe = [FLAGS, File.read(WRAPPER), File.read(QUIET_MAPPING)]

        def compile
          run(*Platform.compiler.split, *FLAGS, "-Iinclude", "-Isrc", "-c", WRAPPER, "-o", "mimalloc.o")
          run(RbConfig::CONFIG["AR"], "rcs", "libmimalloc.a", "mimalloc.o")
          [File.join(source, "include"), File.join(source, "libmimalloc.a")]
        end
      end

      # jemalloc by its own configure, every name and its environment variable under a prefix of ours.
      class Jemalloc < PrivateAllocator
        PREFIX = "allocstats_private_"
        # One arena and small caches, since little is kept; no thread, since this is a guest.
        OPTIONS = "narenas:1,background_thread:false,dirty_decay_ms:1000,muzzy_decay_ms:0,lg_tcache_max:12," \
          "metadata_thp:disabled"
        CONFIGURE = %W[
          --disable-initial-exec-tls --with-jemalloc-prefix=#{PREFIX} --with-private-namespace=#{PREFIX}
          --without-export --disable-cxx --disable-doc --disable-stats --disable-libdl --disable-shared
          --with-malloc-conf=#{OPTIONS}
        ].freeze

        private

        def recipe = [FLAGS, CONFIGURE, File.read(QUIET_MAPPING)]

        # Its configure asks for debugging symbols after our flags; EXTRA_CFLAGS come last, and to make alone. They are
        # split at spaces, so our header is put where its path has none.
        def compile
          unless File.executable?(File.join(source, "configure"))
            raise Failure, "#{@archive.path} has no configure script: use the archive of a release of jemalloc."
          end

          FileUtils.cp(QUIET_MAPPING, source)
          run("./configure", *CONFIGURE, "CC=#{Platform.compiler}", "CFLAGS=#{FLAGS.join(" ")}",
            "EXTRA_CFLAGS=-g0 -include #{File.basename(QUIET_MAPPING)}")
          run(ENV["MAKE"] || "make", "-j#{Etc.nprocessors}", "build_lib_static")
          [File.join(source, "include"), File.join(source, "lib", "libjemalloc_pic.a")]
        end
      end
    end
  end
end
