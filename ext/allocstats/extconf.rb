# frozen_string_literal: true

require_relative "build/archive"
require_relative "build/bundle"
require_relative "build/c_sources"
require_relative "build/platform"
require_relative "build/private_allocator"

module AllocStats
  module Build
    # Writes the Makefile of the extension, in the order of `run`. Every choice is printed with its reason, and whatever
    # is missing ends the build with one sentence.
    module Extconf
      FOLDER = __dir__

      EXEC_FILTER = File.join(ROOT, "lib", "allocstats", "allocstats_exec_filter.so")
      EXEC_FILTER_FLAGS = %w[-std=gnu11 -O2 -shared -fPIC -fvisibility=hidden -Wl,-z,now -Wall -Wextra].freeze

      HELP = <<~TEXT
        Builds the allocstats extension. Options follow `--` on gem's command line:

          gem install allocstats -- --with-private-allocator=jemalloc

        --with-private-allocator=NAME  what is linked into the extension for its own memory, so that what it keeps does
                                       not come from the malloc it measures: mimalloc (the default) or jemalloc
                                       (libc, the process's own malloc, is for tests under sanitizers);
                                       also ALLOCSTATS_PRIVATE_ALLOCATOR
        --with-bundle=NAMES            builds allocators to preload as well, for `allocstats exec`: jemalloc, mimalloc, or
                                       both with a comma between; also ALLOCSTATS_BUNDLE
        --with-jemalloc-version=V      which of the pinned versions that is; also ALLOCSTATS_JEMALLOC_VERSION
        --with-mimalloc-version=V      likewise; also ALLOCSTATS_MIMALLOC_VERSION
        --with-archives=FOLDER         where to look for an allocator's source archive before the network is asked;
                                       also ALLOCSTATS_ARCHIVES
        --with-archive-mirror=URL      a place that serves the archives, asked instead of upstream;
                                       also ALLOCSTATS_ARCHIVE_MIRROR
        --disable-download             ask neither upstream nor Debian: only the gem's archives and the folder
        --enable-werror                warnings of the compiler end the build
        --help                         this text

        CC chooses the compiler. Versions, addresses and checksums of the archives are in dependencies.yml.
      TEXT

      module_function

      def run
        $stdout.sync = true
        return puts(HELP) if ARGV.include?("--help")
        return skip(Platform.unsupported) if Platform.unsupported

        prepare
        flags
        sources
        link(choose_private_allocator)
        exec_filter
        bundle
        create_makefile("allocstats/allocstats")
        complete_makefile
      rescue Failure => failure
        refuse(failure)
      end

      def say(line) = puts("allocstats: #{line}")

      # Past mkmf's own farewell, which would bury the one sentence under a list of options.
      def refuse(failure)
        warn("allocstats: #{failure.message}")
        exit!(1)
      end

      # A gem that cannot work here must still install: applications name it for machines of more than one kind.
      def skip(reason)
        say("not built: #{reason}. The gem installs and loads, and answers with AllocStats::Unsupported.")
        File.write("Makefile", "all install clean distclean:\n\t@echo allocstats: nothing to build here\n")
      end

      def prepare
        Platform.honour_chosen_compiler
        Platform.demand_headers
        Platform.demand_compiler
        require "mkmf"
        say("compiler #{Platform.compiler_banner}, Ruby #{RUBY_VERSION}, #{RbConfig::CONFIG["host"]}, #{Platform.libc}")
        demand_working_compiler
      end

      # mkmf raises where not even an empty program can be built.
      def demand_working_compiler
        try_link("int main(void) { return 0; }")
      rescue RuntimeError
        raise Failure, "#{Platform.compiler} cannot build a program (see mkmf.log): #{Platform::TOOLS}."
      end

      # mkmf's own warnings come from the way Ruby was built; these are the ones this code is written to, and Ruby's
      # headers, which are not, are the system's.
      def flags
        $warnflags = "-Wall -Wextra"
        $INCFLAGS.gsub!(/-I(?=\$\((?:arch_)?hdrdir\))/, "-isystem ")
        $CFLAGS << " -std=gnu11 -fvisibility=hidden -MMD -MP"
        $CFLAGS << " -Werror" if enable_config("werror", false)
        # what the heap profile keeps for each thread is a few instructions away instead of a call
        $CFLAGS << " -mtls-dialect=gnu2" if RbConfig::CONFIG["host_cpu"] == "x86_64" && try_cflags("-mtls-dialect=gnu2")
        $DLDFLAGS << " -Wl,--exclude-libs,ALL"
        have_func("rb_postponed_job_preregister", "ruby/debug.h")
      end

      # An object lies where its source does, so sources of two folders may share a name. mkmf knows folders of neither kind.
      def sources
        $srcs = CSources.extension
        $objs = $srcs.map { |path| path.sub(/c\z/, $OBJEXT) }
        FileUtils.mkdir_p($objs.map { |path| File.dirname(path) })
        $INCFLAGS << " -I$(srcdir)"
        $cleanfiles << "$(OBJS)" << "$(OBJS:.o=.d)"
      end

      # The small library of `allocstats exec --only`, which knows no Ruby.
      def exec_filter
        command = [*Platform.compiler.split, *EXEC_FILTER_FLAGS, *CSources.exec_filter.map { |path| File.join(FOLDER, path) }, "-o", "exec_filter.so", "-ldl"]
        output, status = Open3.capture2e(*command)
        raise Failure, "the exec filter did not compile: #{output.lines.first.to_s.strip}; try another compiler (CC=clang)." unless status.success?

        FileUtils.mkdir_p(File.dirname(EXEC_FILTER))
        FileUtils.cp("exec_filter.so", "#{EXEC_FILTER}.part")
        File.rename("#{EXEC_FILTER}.part", EXEC_FILTER)
      end

      # What is to be preloaded is no part of the extension: it goes straight to where it is looked for.
      def bundle
        names = option("bundle", "ALLOCSTATS_BUNDLE") or return
        Bundle.names(names).each do |name|
          version = option("#{name}-version", "ALLOCSTATS_#{name.upcase}_VERSION")
          say("bundled: #{Bundle.new(name, version: version, sources: archive_sources, report: method(:say)).install}")
        end
      end

      # Answers the built PrivateAllocator, or nil for the process's own malloc.
      def choose_private_allocator
        name = option("private-allocator", "ALLOCSTATS_PRIVATE_ALLOCATOR")
        known = Dependencies.load.private_allocators
        case name
        when nil then build_private_allocator(known.first, "the default")
        when *known then build_private_allocator(name, "as you asked")
        when "libc" then say("private allocator: the process's own malloc, as you asked; fit for tests alone")
        else raise Failure, "--with-private-allocator=#{name} is not known: use #{known.join(" or ")}."
        end
      end

      def build_private_allocator(name, why)
        say("private allocator: #{name}, #{why}")
        pins = Dependencies.load.private_pins(name)
        compile(Archive.obtain(pins: pins, sources: archive_sources, report: method(:say)))
      end

      def archive_sources
        Sources.usual(
          folder: option("archives", "ALLOCSTATS_ARCHIVES"),
          mirror: option("archive-mirror", "ALLOCSTATS_ARCHIVE_MIRROR"),
          download: enable_config("download", true)
        )
      end

      # The value of --with-NAME, or of the variable where the option is absent; nil where both are.
      def option(name, variable)
        value = with_config(name) { ENV[variable] }
        raise Failure, "--with-#{name} needs a value: --with-#{name}=... (see --help)." if value == true

        value unless value.nil? || value == false || value.empty?
      end

      def compile(archive)
        PrivateAllocator.for(archive, "private_heap").tap do |allocator|
          fresh = allocator.build
          say("#{allocator.name} #{allocator.version} #{fresh ? "compiled" : "was compiled before"}: #{allocator.library}")
        end
      end

      def link(allocator)
        name, version = allocator ? [allocator.name, allocator.version] : ["libc", Platform.libc]
        $defs << "-DALLOCSTATS_PRIVATE_#{name.upcase}" << %(-DALLOCSTATS_PRIVATE_VERSION='"#{version}"')
        return unless allocator

        # -isystem: its headers are not written to our warnings.
        $INCFLAGS << " -isystem #{relative(allocator.include_folder)}"
        $LOCAL_LIBS << " #{relative(allocator.library)}"
        have_library("pthread")
      end

      # make runs here, and a Makefile has no way to quote a path.
      def relative(path) = path.delete_prefix("#{Dir.pwd}/")

      # mkmf knows nothing of what a source includes, nor that other flags make other objects.
      def complete_makefile
        text = [$defs, $CFLAGS, $INCFLAGS, RbConfig::CONFIG["CC"]].join(" ")
        File.write("flags", text) unless File.file?("flags") && File.read("flags") == text
        File.write("Makefile", <<~MAKE, mode: "a")

          $(OBJS): flags
          $(TARGET_SO): #{$LOCAL_LIBS}
          -include $(OBJS:.o=.d)
        MAKE
      end
    end
  end
end

AllocStats::Build::Extconf.run
