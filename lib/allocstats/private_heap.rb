# frozen_string_literal: true

module AllocStats
  # What the extension keeps for itself, and in whose hands: the allocator that is linked into it statically, so that
  # measuring malloc takes nothing from malloc.
  #
  #   heap = AllocStats.private_heap
  #   heap.total      # => 528       in blocks that were given out
  #   heap.resident   # => 581_632   in pages of memory: what it costs, and the ledger's layer of the same name
  #
  # Between the two lie the allocator's own tables, which it makes when it is first asked, and free room in its pages.
  class PrivateHeap
    # Name of the linked-in allocator, "mimalloc" or "jemalloc", and its version.
    attr_reader :allocator, :version

    # Bytes in blocks given out at the moment, by purpose; AllocStats::PrivateHeap.purposes says what each is for.
    attr_reader :held

    # Resident bytes of its mappings, by the kernel's count; nil where they cannot be told from others.
    # @return [Integer, nil]
    attr_reader :resident

    # Why `resident` is nil.
    # @return [String, nil]
    attr_reader :reason

    class << self
      # Reads /proc/self/smaps for `resident`: milliseconds, growing with the number of mappings.
      # @return [PrivateHeap]
      def read
        of(ProcessMemory.scan("", 0, false))
      end

      # @param pass [Hash] by ProcessMemory.pass, of this very moment
      def of(pass)
        unreadable = Procfs::Reason.of("/proc/self/smaps", pass[:smaps])
        return new(**facts, resident: nil, reason: unreadable) if unreadable
        kinds = ProcessMemory::Kinds.new(pass)
        new(**facts, resident: kinds.rss(:private_heap), reason: kinds.reasons[:private_heap])
      end

      # Bytes in blocks given out, by purpose. Microseconds.
      # @return [Hash{Symbol => Integer}]
      def held = facts.fetch(:held)
    end

    def initialize(allocator:, version:, held:, resident:, reason:)
      @allocator = allocator.freeze
      @version = version.freeze
      @held = held.freeze
      @resident = resident
      @reason = reason
      freeze
    end

    # Bytes in blocks given out, in all.
    def total
      held.values.sum
    end

    def to_h
      {allocator: allocator, version: version, held: held, total: total, resident: resident, reason: reason}
    end

    def inspect
      "#<AllocStats::PrivateHeap #{allocator} #{version}, #{total} bytes held, #{resident || "unknown"} resident>"
    end
  end
end
