# frozen_string_literal: true

require_relative "../../../lib/allocstats/version"
require_relative "failure"

module AllocStats
  module Build
    autoload :Archive, File.join(__dir__, "archive")
    autoload :Dependencies, File.join(__dir__, "dependencies")

    # What goes into the gem. Written down as globs, so that a new source is shipped and a stray file is not.
    #
    # The gemspec asks for `files` alone, and is also read by each `bundle exec` in a checkout, before Bundler has settled
    # which gems there are: a library that is required then (yaml, which brings psych and stringio) makes an older
    # RubyGems warn, or fail. So what concerns archives is loaded when `rake package` needs it.
    module Package
      GLOBS = %w[
        lib/**/*.{rb,css,js,erb,tt}
        ext/allocstats/**/*.{c,h,def,rb}
        sig/**/*.rbs
        exe/*
        docs/**/*.{md,yml,json,png}
        man/*
        completion/*
        dependencies.yml
        README.md ARCHITECTURE.md CHANGELOG.md LICENSE.txt
      ].freeze

      module_function

      # Paths below the gem's root, sorted, without the archive.
      def files = Dir.glob(GLOBS, base: ROOT).select { |path| File.file?(File.join(ROOT, path)) }.sort

      # The source archive of the default private allocator, which `rake package` puts into the gem: a list of one, or of
      # none where it was not fetched yet.
      def archives
        pins.map { |pin| File.join("archives", pin.file) }.select { |path| File.file?(File.join(ROOT, path)) }.first(1)
      end

      # Puts that archive into the gem's folder, from wherever it can be had; yields each line of how it went.
      def fetch_archive(&report)
        archive = Archive.obtain(pins:, report:)
        kept = File.join(Sources::ARCHIVES, archive.pin.file)
        return if archive.path == kept

        FileUtils.mkdir_p(Sources::ARCHIVES)
        FileUtils.cp(archive.path, kept)
      end

      def pins
        dependencies = Dependencies.load
        dependencies.private_pins(dependencies.private_allocators.first)
      end

      def version = VERSION
    end
  end
end
