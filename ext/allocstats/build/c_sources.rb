# frozen_string_literal: true

module AllocStats
  module Build
    # Which C sources there are, for the extension, for the tests of the core in C, and for the tools that read them. A
    # new file, or a new folder, is found by itself; what is none of the extension's is named here. Paths are below FOLDER.
    module CSources
      FOLDER = File.expand_path("..", __dir__)

      # A library of its own, for `allocstats exec --only`. The file with the folder's own name takes exec over, which is no
      # good in a program of tests.
      EXEC_FILTER = "exec_filter/*.c"

      # Not the extension's: the library above, and what is compiled into the linked-in allocator.
      APART = [EXEC_FILTER, "private_heap/mimalloc.c"].freeze

      # What knows Ruby: its own folder, each allocator's native API, and the first function that Ruby calls.
      BINDING = ["allocstats.c", "ruby/*.c", "allocators/*/ruby.c"].freeze

      module_function

      def extension = matching("**/*.c") - matching(APART)

      def binding = extension & matching(BINDING)

      # What is tested without Ruby.
      def core = extension - binding + exec_filter.reject { |path| path.match?(%r{\A(\w+)/\1\.c\z}) }

      def exec_filter = matching(EXEC_FILTER)

      def matching(patterns) = Dir.glob(patterns, base: FOLDER).sort
    end
  end
end
