# frozen_string_literal: true

module AllocStats
  # mimalloc 2 and 3, and 1.8 and later, which are 2 with another memory layer.
  module Allocators::Mimalloc
    extend Allocators::Contract

    autoload :Census, "allocstats/allocators/mimalloc/census"
    autoload :Environment, "allocstats/allocators/mimalloc/environment"
    autoload :MiOption, "allocstats/allocators/mimalloc/mi_option"
    autoload :FAULTS, "allocstats/allocators/mimalloc/faults"
    autoload :NativeApi, "allocstats/allocators/mimalloc/native_api"
    autoload :Options, "allocstats/allocators/mimalloc/options"
    autoload :Stats, "allocstats/allocators/mimalloc/stats"

    # Chosen by what bench/profiles measured; docs/tuning.md has its table and what each option does.
    PROFILES = {
      low_memory: {purge_delay: 10, minimal_purge_size: 64, page_max_reclaim: 4, reclaim_on_free: 0, page_full_retain: 0},
      balanced: {purge_delay: 100, minimal_purge_size: 64, page_max_reclaim: 4, reclaim_on_free: 0},
      throughput: {purge_delay: 10_000}
    }.freeze

    # The memory layer of 2.0 is another one, with delays of its own.
    PROFILES_OF_2_0 = {
      low_memory: {decommit_delay: 2, decommit_extend_delay: 0, segment_decommit_delay: 100},
      balanced: {decommit_delay: 10, segment_decommit_delay: 100},
      throughput: {allow_decommit: 0}
    }.freeze

    class << self
      def native_api = NativeApi

      def census(text) = Census.parse(text)

      def options = Options

      def profiles(version) = version.start_with?("2.0.") ? PROFILES_OF_2_0 : PROFILES

      def environment(variables) = Environment.new(variables).settings

      # Two are the buildpacks', and not known to mimalloc.
      def variables = /\AMIMALLOC_(?!ENABLED\z|VERSION\z)/i

      def lines = {huge_pages: "MIMALLOC_ALLOW_THP=0", reserve: "MIMALLOC_ARENA_RESERVE=64MiB"}

      def steering = /\AMIMALLOC_\w+\z/

      def faults = FAULTS

      def packages
        Allocators::Packages.new(file: /\Alibmimalloc\.so(\.|\z)/, switch: "MIMALLOC_ENABLED", bundled: true,
          hint: "Debian: libmimalloc3 or libmimalloc2.0; Alpine, Fedora and Homebrew: mimalloc")
      end
    end
  end
end
