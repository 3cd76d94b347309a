# frozen_string_literal: true

module AllocStats
  module Allocators::Jemalloc
    FAULTS = [
      Allocators::Fault.new(versions: [">= 5.1.0", "< 5.2.0"], severity: :wrong, condition: :asked_for, asked: %w[max_background_threads],
        fault: "crashes with max_background_threads", fixed: "5.2.0", source: "https://github.com/jemalloc/jemalloc/issues/1379",
        remedy: "unset max_background_threads in MALLOC_CONF, or jemalloc 5.2.0 or later")
    ].each(&:freeze).freeze
  end
end
