# frozen_string_literal: true

module AllocStats
  # The malloc of glibc, which runs every process in which nobody has replaced it.
  module Allocators::Glibc
    extend Allocators::Contract

    autoload :Census, "allocstats/allocators/glibc/census"
    autoload :Environment, "allocstats/allocators/glibc/environment"
    autoload :MallocInfo, "allocstats/allocators/glibc/malloc_info"
    autoload :Mallopt, "allocstats/allocators/glibc/mallopt"
    autoload :NativeApi, "allocstats/allocators/glibc/native_api"
    autoload :Options, "allocstats/allocators/glibc/options"
    autoload :Tunables, "allocstats/allocators/glibc/tunables"

    # Chosen by what bench/profiles measured; docs/tuning.md has its table and what each option does.
    PROFILES = {
      low_memory: {arena_max: 1, trim_threshold: 1 << 20, mmap_threshold: 32 << 20},
      balanced: {arena_max: 2},
      throughput: {arena_max: 4, trim_threshold: 64 << 20, mmap_threshold: 32 << 20, top_pad: 1 << 20}
    }.freeze

    class << self
      def native_api = NativeApi

      def census(text) = Census.parse(text)

      def live_in_census? = true

      def options = Options

      def profiles(_version) = PROFILES

      def environment(variables) = Environment.new(variables).settings

      # Without GLIBC_TUNABLES, which may be about other parts of glibc.
      def variables = Environment::NAMES

      def steering = /\A(?:MALLOC_\w+|GLIBC_TUNABLES)\z/

      def arenas = Allocators::Arenas.new(per_processor: 8, option: "arena_max", line: "MALLOC_ARENA_MAX=2", apart: true)

      def lines = {reserve: arenas.line}

      def separators = {Tunables::VARIABLE => ":"}

      def libc = /\Alibc(?:-[\d.]+\.so|\.so\.6)\z/

      def signs = %w[gnu_get_libc_version __libc_setup_tls]
    end
  end
end
