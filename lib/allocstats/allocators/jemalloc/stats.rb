# frozen_string_literal: true

module AllocStats
  # jemalloc's malloc_stats_print with option "J", as it is.
  module Allocators::Jemalloc::Stats
    module_function

    # @return [Hash{String => Object}] as AllocStats.malloc_stats
    # @raise [Unsupported] on another allocator
    # @raise [Malformed]
    def read
      raise Unsupported, "malloc_stats is jemalloc's: #{Allocators.bound_name} runs this process" unless Allocators.running == Allocators::Jemalloc
      format, text, = Allocators.stats_dump
      Allocators.understanding(format) { parse(text) }
    end

    # @raise [Malformed] for a text of another kind
    def parse(text)
      stats = Measured.json(text)["jemalloc"]
      stats.is_a?(Hash) ? stats : raise(Malformed, "it has no figures of jemalloc's")
    end
  end
end
