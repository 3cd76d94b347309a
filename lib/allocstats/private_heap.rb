# frozen_string_literal: true

module AllocStats
  # What the extension keeps for itself, and in whose hands: the allocator that is linked into it statically, so that
  # measuring malloc takes nothing from malloc.
  class PrivateHeap
    # Name of the linked-in allocator, "mimalloc" or "jemalloc", and its version.
    attr_reader :allocator, :version

    # Bytes held at the moment, by purpose; AllocStats::PrivateHeap.purposes says what each is for.
    attr_reader :held

    def self.read
      new(**facts)
    end

    def initialize(allocator:, version:, held:)
      @allocator = allocator.freeze
      @version = version.freeze
      @held = held.freeze
      freeze
    end

    # Bytes held in all.
    def total
      held.values.sum
    end

    def to_h
      {allocator: allocator, version: version, held: held, total: total}
    end

    def inspect
      "#<AllocStats::PrivateHeap #{allocator} #{version}, #{total} bytes held>"
    end
  end
end
