# frozen_string_literal: true

module AllocStats
  # musl's malloc (oldmalloc or mallocng): no statistics, no options, nothing that could be purged.
  module Allocators::Musl
    extend Allocators::Contract

    class << self
      def libc = /\A(?:ld-musl|libc\.musl|libc\.so\z)/

      def signs = %w[__libc_start_main]
    end
  end
end
