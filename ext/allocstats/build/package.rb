# frozen_string_literal: true

require_relative "dependencies"

module AllocStats
  module Build
    # What goes into the gem. Written down as globs, so that a new source is shipped and a stray file is not.
    module Package
      GLOBS = %w[
        lib/**/*.rb
        ext/allocstats/**/*.{c,h,def,rb}
        sig/**/*.rbs
        exe/*
        docs/**/*.md
        dependencies.yml
        README.md ARCHITECTURE.md CHANGELOG.md LICENSE.txt
      ].freeze

      module_function

      # Paths below the gem's root, sorted. The archive is among them once there is one.
      def files = (Dir.glob(GLOBS, base: ROOT).select { |path| File.file?(File.join(ROOT, path)) } + archives).sort

      # The source archive of the default private allocator, as a list of one, or of none where it was not fetched yet.
      def archives
        dependencies = Dependencies.load
        pins = dependencies.private_pins(dependencies.private_allocators.first)
        pins.map { |pin| File.join("archives", pin.file) }.select { |path| File.file?(File.join(ROOT, path)) }.first(1)
      end
    end
  end
end
