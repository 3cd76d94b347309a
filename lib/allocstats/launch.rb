# frozen_string_literal: true

module AllocStats
  # Starting a process under an allocator: which libraries this machine has for it, what has to be in the environment, and
  # whether it works. `allocstats exec`, `allocstats env` and require "allocstats/preload" stand on this.
  #
  #   AllocStats::Launch.environment(allocator: "jemalloc", profile: :balanced)
  #   # => {"LD_PRELOAD" => "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2", "MALLOC_CONF" => "narenas:2,..."}
  module Launch
    autoload :Bundled, "allocstats/launch/bundled"
    autoload :Choice, "allocstats/launch/choice"
    autoload :ExecFilter, "allocstats/launch/exec_filter"
    autoload :Library, "allocstats/launch/library"
    autoload :ReExec, "allocstats/launch/re_exec"
    autoload :StartCommand, "allocstats/launch/start_command"
    autoload :Plan, "allocstats/launch/plan"
    autoload :PreloadList, "allocstats/launch/preload_list"
    autoload :RackServer, "allocstats/launch/rack_server"
    autoload :System, "allocstats/launch/system"
    autoload :Probe, "allocstats/launch/probe"

    # The allocators that can be preloaded, in the order in which one is chosen where none was asked for.
    NAMES = Allocators.preloadable.map { |allocator| allocator.id.name }.freeze

    # The C library's own malloc, by what it may be called. "libc" is whichever of them runs this process.
    LIBC_NAMES = [*Allocators.of_libc.map { |allocator| allocator.id.name }, "libc"].freeze

    module_function

    # The variables that a process needs to start under an allocator, with what it has to have in them: those that
    # change, and nil for one that has to go. What `base` holds is kept: other libraries in LD_PRELOAD, and of the
    # allocator's own settings every key that is there.
    #
    # Starts a bare Ruby (10 ms) that proves it.
    # @param allocator [String, Symbol] "jemalloc", "jemalloc-5.3.1", "glibc" or the path of a library
    # @param profile [Symbol, String, nil] see AllocStats.tune
    # @param base [#to_h] variable => text
    # @return [Hash{String => String, nil}]
    # @raise [UnknownName] for what no allocator or profile is called, [Unsupported] where it is not here or does not work
    def environment(allocator:, profile: nil, base: ENV)
      Plan.new(allocator: allocator, profile: profile, base: base).environment
    end

    # The libraries that can be preloaded here: those that were built with this gem, newest first, then the system's, in the
    # order in which they are looked for.
    # @return [Array<Library>]
    def libraries
      Bundled.libraries + System.libraries
    end
  end
end
