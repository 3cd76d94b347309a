# frozen_string_literal: true

require "digest"
require "etc"
require "fileutils"
require "open3"
require_relative "failure"
require_relative "platform"

module AllocStats
  module Build
    # The allocator that is linked into the extension: an archive compiled to a static library with hidden symbols.
    # What a subclass must say: `needs` (files that go into the fingerprint), `compile`, `include_folder`, `library`.
    class PrivateAllocator
      # -fPIC and hidden names: it becomes part of a shared object that exports one function. local-dynamic: a static
      # TLS block has no room for it when the extension is loaded by dlopen.
      FLAGS = %w[-O2 -fPIC -fvisibility=hidden -ftls-model=local-dynamic -DNDEBUG -w].freeze

      def self.for(archive, folder)
        {"mimalloc" => Mimalloc, "jemalloc" => Jemalloc}.fetch(archive.pin.name).new(archive, folder)
      end

      # `folder` is where it is unpacked and built; a build that was made there of the same things is used again.
      def initialize(archive, folder)
        @archive, @folder = archive, File.expand_path("#{archive.pin.name}-#{archive.pin.version}", folder)
      end

      def name = @archive.pin.name

      def version = @archive.pin.version

      # Builds unless it was built already; answers whether it had to.
      def build
        return false if File.file?(library) && File.file?(stamp) && File.read(stamp) == fingerprint

        @archive.unpack(source)
        compile
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

      def run(*command, chdir: @folder)
        output, status = Open3.capture2e(*command, chdir: chdir)
        return if status.success?

        log = File.join(@folder, "build.log")
        File.write(log, "#{command.join(" ")}\n#{output}")
        raise Failure, "#{name} #{version}, the private allocator, did not compile: the compiler's words are in #{log}; " \
          "try another compiler (CC=clang), or --with-private-allocator=#{other}."
      end

      def other = (name == "mimalloc") ? "jemalloc" : "mimalloc"

      # One file that includes all of mimalloc, with the settings that make it a quiet guest.
      class Mimalloc < PrivateAllocator
        WRAPPER = File.expand_path("../private_heap/mimalloc.c", __dir__)

        def include_folder = File.join(source, "include")

        def library = File.join(@folder, "libprivate_heap.a")

        private

        def recipe = [FLAGS, File.read(WRAPPER)]

        def compile
          object = File.join(@folder, "mimalloc.o")
          run(*Platform.compiler.split, "-std=gnu11", *FLAGS, "-I#{include_folder}", "-I#{File.join(source, "src")}",
            "-c", WRAPPER, "-o", object)
          FileUtils.rm_f(library)
          run(RbConfig::CONFIG["AR"], "rcs", library, object)
        end
      end

      # jemalloc by its own configure, every name and its environment variable under a prefix of ours.
      class Jemalloc < PrivateAllocator
        PREFIX = "allocstats_private_"
        # One arena and small caches, since little is kept; no thread and no huge pages, since this is a guest.
        OPTIONS = "narenas:1,background_thread:false,dirty_decay_ms:1000,muzzy_decay_ms:0,lg_tcache_max:12," \
          "thp:never,metadata_thp:disabled"
        CONFIGURE = %W[
          --disable-initial-exec-tls --with-jemalloc-prefix=#{PREFIX} --with-private-namespace=#{PREFIX}
          --without-export --disable-cxx --disable-doc --disable-stats --disable-libdl --disable-shared
          --with-malloc-conf=#{OPTIONS}
        ].freeze

        def include_folder = File.join(source, "include")

        def library = File.join(source, "lib", "libjemalloc_pic.a")

        private

        def recipe = [FLAGS, CONFIGURE]

        def compile
          raise Failure, "#{@archive.path} has no configure script: use the archive of a release." unless configurable?

          run("./configure", *CONFIGURE, "CC=#{Platform.compiler}", "CFLAGS=#{FLAGS.join(" ")} -std=gnu11", chdir: source)
          run(ENV["MAKE"] || "make", "-j#{Etc.nprocessors}", "build_lib_static", chdir: source)
        end

        def configurable? = File.executable?(File.join(source, "configure"))
      end
    end
  end
end
