# frozen_string_literal: true

module AllocStats
  # What malloc gave to one thread and took back from it while a block ran: the answer of AllocStats.measure. It counts
  # bytes in size classes, what the C code of Ruby and of its extensions asked for, and not slots of Ruby's own heap.
  #
  # - `given`, `taken` (Integer or nil) bytes
  # - `net` (Integer or nil) given less taken: what this thread holds more than before; negative where it gave back what
  #   had been taken before the block, by a garbage collection for example
  # - `value` what the block returned
  # - `reason` (String or nil) why nothing was counted
  class Measurement
    SHARED = "Ruby runs more than one of its threads on this native thread (RUBY_MN_THREADS, or a Ractor), and malloc's counters are the native thread's"
    private_constant :SHARED

    attr_reader :value, :given, :taken

    # @param shared [Boolean] whether this thread's native thread runs other Ruby threads as well
    def initialize(value, given, taken, shared)
      @value = value
      @given = given
      @taken = taken
      @shared = shared
      freeze
    end

    def net
      given - taken if given
    end

    def reason
      return if given
      return SHARED if @shared
      "#{Allocators.bound_name} does not count bytes by thread; #{Formats.listed(Allocators.able(:measure))} does"
    end

    def to_h
      {given: given, taken: taken, net: net, reason: reason}
    end

    def inspect
      "#<AllocStats::Measurement #{given ? "given=#{given} taken=#{taken} net=#{net}" : reason}>"
    end
  end
end
