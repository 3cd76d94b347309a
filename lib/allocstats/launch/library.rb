# frozen_string_literal: true

module AllocStats
  module Launch
    # An allocator as a shared library on this machine.
    #
    # - `name` (Symbol) :jemalloc, :mimalloc or :tcmalloc; of a path that a user gave, as the library itself answers
    # - `path` (String) as it goes into LD_PRELOAD
    # - `origin` (Symbol) :bundled (built with this gem), :system, or :given (a path of the user's)
    # - `build` (Hash, nil) of a bundled one: the archive it was built from
    class Library
      # What LD_PRELOAD takes for the end of an entry (ld.so(8)), and expands.
      UNFIT = /[\s:]|\$(ORIGIN|LIB|PLATFORM|\{)/

      attr_reader :path, :origin, :build

      def initialize(path, origin:, name: nil, version: nil, build: nil)
        @path = path
        @origin = origin
        @name = name
        @version = version
        @build = build
      end

      def name
        @name || probe&.name
      end

      # As the allocator itself answers when it runs (what is known of a bundled one is not asked again); nil for one that
      # does not load.
      # @return [String, nil]
      def version
        @version || probe&.version
      end

      # @return [String, nil] of the file, nil where it cannot be read
      def sha256
        require "digest"
        @sha256 ||= Digest::SHA256.file(path).hexdigest
      rescue SystemCallError
        nil
      end

      # A sentence for why it cannot be preloaded into a process like this one, nil where the file speaks for it.
      # Library#problem also tries it.
      def refusal
        return "LD_PRELOAD cannot hold a path with a space, a colon or a $ in it" if path.b.match?(UNFIT)
        Procfs::ElfFile.new(path).refusal
      end

      # A sentence for why no process runs under it, nil where one has.
      def problem
        refusal || probe.problem
      end

      def to_h
        {name: name, version: version, path: path, origin: origin, sha256: sha256, build: build, problem: problem}
      end

      def inspect
        "#<AllocStats::Launch::Library #{path}>"
      end

      private

      # Nothing is started for what cannot work.
      def probe
        return if refusal
        @probe ||= Probe.new({"LD_PRELOAD" => path})
      end
    end
  end
end
