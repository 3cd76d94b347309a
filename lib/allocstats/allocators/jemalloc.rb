# frozen_string_literal: true

module AllocStats
  # jemalloc 5 (jemalloc(3)).
  module Allocators::Jemalloc
    extend Allocators::Contract

    autoload :BackgroundThreads, "allocstats/allocators/jemalloc/background_threads"
    autoload :Census, "allocstats/allocators/jemalloc/census"
    autoload :Correction, "allocstats/allocators/jemalloc/correction"
    autoload :Environment, "allocstats/allocators/jemalloc/environment"
    autoload :FAULTS, "allocstats/allocators/jemalloc/faults"
    autoload :NativeApi, "allocstats/allocators/jemalloc/native_api"
    autoload :Options, "allocstats/allocators/jemalloc/options"
    autoload :Stats, "allocstats/allocators/jemalloc/stats"

    require_relative "jemalloc/mallctl" # the extension has begun it

    # Chosen by what bench/profiles measured; docs/tuning.md has its table and what each option does.
    PROFILES = {
      low_memory: {narenas: 1, background_thread: true, dirty_decay_ms: 500, muzzy_decay_ms: 0},
      balanced: {narenas: 2, background_thread: true, dirty_decay_ms: 1000, muzzy_decay_ms: 0},
      throughput: {narenas: 2, background_thread: true, dirty_decay_ms: 10_000, muzzy_decay_ms: 0}
    }.freeze

    class << self
      def native_api = NativeApi

      def census(text) = Census.parse(text)

      def options = Options

      def profiles(_version) = PROFILES

      def environment(variables) = Environment.new(variables).settings

      def variables = /\AMALLOC_CONF\z/

      # _rjem_: as the crates of Rust have it in their own libraries.
      def steering = /\A(?:MALLOC_CONF|_RJEM_\w+)\z/

      def arenas = Allocators::Arenas.new(per_processor: 4, option: "narenas", line: "MALLOC_CONF=narenas:2", apart: false)

      def own_threads = BackgroundThreads

      def lines = {huge_pages: "MALLOC_CONF=thp:never"}

      def separators = {"MALLOC_CONF" => ","}

      def faults = FAULTS

      def packages
        Allocators::Packages.new(file: /\Alibjemalloc\.so(\.|\z)/, switch: "JEMALLOC_ENABLED", bundled: true,
          hint: "Debian and Ubuntu: libjemalloc2; Alpine, Fedora and Homebrew: jemalloc")
      end
    end
  end
end
