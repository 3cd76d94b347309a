# frozen_string_literal: true

module AllocStats
  # tcmalloc of gperftools. Google's later one has neither its C interface nor its variables.
  module Allocators::Tcmalloc
    extend Allocators::Contract

    autoload :Census, "allocstats/allocators/tcmalloc/census"
    autoload :Environment, "allocstats/allocators/tcmalloc/environment"
    autoload :NativeApi, "allocstats/allocators/tcmalloc/native_api"
    autoload :Options, "allocstats/allocators/tcmalloc/options"
    autoload :Property, "allocstats/allocators/tcmalloc/property"

    # Chosen by what bench/profiles measured; docs/tuning.md has its table and what each option does.
    PROFILES = {
      low_memory: {release_rate: 10, max_total_thread_cache_bytes: 4 << 20},
      balanced: {release_rate: 10},
      throughput: {max_total_thread_cache_bytes: 128 << 20}
    }.freeze

    class << self
      def native_api = NativeApi

      def census(text) = Census.parse(text)

      def options = Options

      def profiles(_version) = PROFILES

      def environment(variables) = Environment.new(variables).settings

      def variables = /\ATCMALLOC_/

      # Debian's package has the whole one and the minimal one.
      def packages
        Allocators::Packages.new(file: /\Alibtcmalloc(_minimal)?\.so(\.|\z)/, bundled: false,
          hint: "Debian: libtcmalloc-minimal4; Alpine and Homebrew: gperftools; Fedora: gperftools-libs")
      end
    end
  end
end
