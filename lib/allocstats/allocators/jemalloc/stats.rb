# frozen_string_literal: true

require "json"

module AllocStats
  # jemalloc's malloc_stats_print with option "J", as it is.
  module Allocators::Jemalloc::Stats
    module_function

    # @return [Hash{String => Object}] as AllocStats.malloc_stats
    # @raise [Unsupported] on another allocator
    def read
      raise Unsupported, "malloc_stats is jemalloc's: #{Allocators.bound_name} runs this process" unless Allocators.running == Allocators::Jemalloc
      _, text, = Allocators.stats_dump
      parse(text)
    rescue ArgumentError, KeyError, TypeError => error
      raise Error, "jemalloc gave statistics that are no JSON (#{error.message.lines.first&.strip})"
    end

    # jemalloc 5.3.0 prints one option twice, which newer versions of json refuse unless told otherwise.
    # @raise [ArgumentError, KeyError, TypeError] for a text of another kind
    def parse(text)
      JSON.parse(text, allow_duplicate_key: true).fetch("jemalloc")
    rescue JSON::ParserError => error
      raise ArgumentError, error.message
    end
  end
end
