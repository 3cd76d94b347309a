# frozen_string_literal: true

require_relative "compilation"

module AllocStats
  module Build
    # The allocator that is linked into the extension: an archive compiled to a static library with hidden symbols.
    class PrivateAllocator < Compilation
      # -fPIC and hidden names: it becomes part of a shared object that exports one function. local-dynamic: a static
      # TLS block has no room for it when the extension is loaded by dlopen.
      FLAGS = %w[-std=gnu11 -O2 -fPIC -fvisibility=hidden -ftls-model=local-dynamic -DNDEBUG -w].freeze

      # What is compiled of ours with either of them.
      OURS = File.expand_path("../private_heap", __dir__)
      QUIET_MAPPING = File.join(OURS, "quiet_mapping.h")

      def self.for(archive, folder)
        {"mimalloc" => Mimalloc, "jemalloc" => Jemalloc}.fetch(archive.pin.name).new(archive, folder)
      end

      # What a build needs of it afterwards.
      def include_folder = File.join(@folder, "include")

      def library = File.join(@folder, "libprivate_heap.a")

      private

      def purpose = "the private allocator"

      def advice = "try another compiler (CC=clang), or --with-private-allocator=#{other}"

      def kept(headers, library_there) = {headers => include_folder, library_there => library}

      def other = (name == "mimalloc") ? "jemalloc" : "mimalloc"

      # One file that includes all of mimalloc, with the settings that make it a quiet guest.
      class Mimalloc < PrivateAllocator
        WRAPPER = File.join(OURS, "mimalloc.c")

        private

        def recipe = [FLAGS, File.read(WRAPPER), File.read(QUIET_MAPPING)]

        def compile
          run(*Platform.compiler.split, *FLAGS, "-Iinclude", "-Isrc", "-c", WRAPPER, "-o", "mimalloc.o")
          run(RbConfig::CONFIG["AR"], "rcs", "libmimalloc.a", "mimalloc.o")
          kept(File.join(source, "include"), File.join(source, "libmimalloc.a"))
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
          make("build_lib_static")
          kept(File.join(source, "include"), File.join(source, "lib", "libjemalloc_pic.a"))
        end
      end
    end
  end
end
