# frozen_string_literal: true

module AllocStats
  module Allocators::Glibc
    # What a census takes of glibc's malloc_info(3). Chunks that wait in the threads' caches count as in use, so allocated
    # includes them.
    module Census
      def self.parse(text)
        info = MallocInfo.parse(text)
        mapped = info[:mapped_blocks]
        {
          figures: {allocated: Measured.sum([info[:in_use], mapped[:bytes]]), mapped: Measured.sum([info[:system], mapped[:bytes]]), arenas: info[:arena_count]}.compact,
          arenas: info[:arenas].map { |arena| row(arena) },
          details: {large_blocks: mapped[:count], large_bytes: mapped[:bytes], free: info[:free]}.compact
        }
      end

      def self.row(arena)
        {index: arena[:index], mapped: arena[:system], allocated: arena[:in_use], free: arena[:free], subheaps: arena[:subheaps]}.compact
      end
      private_class_method :row
    end
  end
end
