# frozen_string_literal: true

require "rbconfig"
require_relative "compilation"

module AllocStats
  module Build
    # An allocator to preload, as upstream builds it: one shared object that owns malloc.
    class SharedAllocator < Compilation
      def self.for(archive, folder)
        {"mimalloc" => Mimalloc, "jemalloc" => Jemalloc}.fetch(archive.pin.name).new(archive, folder)
      end

      # The names of those there are.
      NAMES = %w[jemalloc mimalloc].freeze

      # Where the shared object is, after it was built.
      def library = File.join(@folder, file)

      private

      def purpose = "to preload"

      def advice = "try another compiler (CC=clang), another version (ALLOCSTATS_#{name.upcase}_VERSION), or none"

      # The whole of mimalloc as one translation unit, with what upstream's build system sets for its shared library.
      class Mimalloc < SharedAllocator
        FLAGS = %w[-std=gnu11 -O3 -fPIC -fvisibility=hidden -fno-builtin-malloc -DNDEBUG -w
          -DMI_MALLOC_OVERRIDE -DMI_SHARED_LIB -DMI_SHARED_LIB_EXPORT -DMI_BUILD_RELEASE].freeze
        # musl reserves no room for thread-local storage of the initial kind, and does not define what mimalloc asks before
        # it defines aligned_alloc.
        OF_LIBC = {"glibc" => %w[-ftls-model=initial-exec], "musl" => %w[-ftls-model=local-dynamic -DMI_LIBC_MUSL=1 -D__USE_ISOC11=1]}.freeze

        # "libmimalloc.so.3"
        def file = "libmimalloc.so.#{version.to_i}"

        private

        def flags = FLAGS + OF_LIBC.fetch(Platform.libc)

        def recipe = flags

        def compile
          run(*Platform.compiler.split, *flags, "-Iinclude", "-Isrc", "-shared", "-Wl,-soname,#{file}", "src/static.c",
            "-pthread", "-lrt", "-o", file)
          {File.join(source, file) => library}
        end
      end

      # jemalloc by its own configure, with the heap profiler, which costs nothing until it is asked for.
      class Jemalloc < SharedAllocator
        # Debian's page sizes: kernels of arm64 and others have pages of up to 64 KiB.
        CONFIGURE = ["--enable-prof", "--disable-doc", "--with-lg-hugepage=21",
          "--with-lg-page=#{RbConfig::CONFIG["host_cpu"].match?(/x86_64|amd64/) ? 12 : 16}"].freeze

        def file = "libjemalloc.so.2"

        private

        def recipe = CONFIGURE

        # The tree of a tag has no configure yet, as a release has, and does not know its version.
        def compile
          run("autoconf") unless File.exist?(File.join(source, "configure"))
          run("./configure", *CONFIGURE, "--with-version=#{version}-0-g0", "CC=#{Platform.compiler}")
          make("build_lib_shared")
          {File.join(source, "lib", file) => library}
        end
      end
    end
  end
end
