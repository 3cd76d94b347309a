# frozen_string_literal: true

require_relative "ruby_heap"

module AllocStats
  class Ledger
    # Takes what a ledger is made of, all at one time, and divides it.
    class Reading
      # Kinds of mapping that are layers where there is anything of them.
      RARE = [:ruby_heap_empty, :ruby_transient].freeze

      # @return [Ledger]
      attr_reader :ledger

      # @param scan [Hash, nil] a pass over the mappings that was made just now, and the sample behind it; nil: this makes its own
      def initialize(census:, scan: nil, sample: nil)
        @reasons = {}
        @bytes = {}
        @census = take_census if census && Allocators.running.live_in_census?
        @scan = scan || ProcessMemory.scan("", ProcessMemory.heap_page_bytes, false)
        @sample = sample || Sample.new
        @ruby_heap = RubyHeap.new(@sample)
        @private_bytes = PrivateHeap.held.values.sum
        @ledger = divide
      end

      private

      # One that cannot be understood costs nothing but the live bytes.
      def take_census
        Census.take
      rescue Malformed => error
        @reasons[:malloc_live] = error.message
        nil
      end

      def divide
        return unreadable unless (@rss = find_rss)
        @kinds = ProcessMemory::Kinds.new(@scan)
        @left = @kinds.rss(:other)
        take_proven
        take_private_heap
        take_malloc
        @bytes[:other] = @left
        note_unlisted_pages
        Ledger.new(rss: @rss, bytes: @bytes, reasons: @reasons)
      end

      def find_rss
        @scan[:mapped][:rss] if @scan[:smaps][:status] == :ok
      end

      def unreadable
        reason = Procfs::Reason.of("/proc/self/smaps", @scan[:smaps]) || "/proc/self/smaps does not give Rss for every mapping"
        Ledger.new(rss: nil, bytes: {}, reasons: {rss: reason})
      end

      # What the mappings themselves prove.
      def take_proven
        @bytes[:stacks] = proven(:stack, :stacks)
        @bytes[:files] = @kinds.rss(:code) + @kinds.rss(:file)
        @bytes[:shared] = @kinds.rss(:shared)
        @bytes[:jit] = @kinds.rss(:jit)
        take_ruby_heap
        RARE.each { |kind| @bytes[kind] = @kinds.rss(kind) if @kinds.rss(kind)&.positive? }
      end

      def take_ruby_heap
        resident = proven(:ruby_heap, :ruby_heap_live, :ruby_heap_free)
        live = @ruby_heap.live_bytes || uncounted(resident)
        @bytes[:ruby_heap_live] = resident && [live, resident].min
        @bytes[:ruby_heap_free] = resident && resident - @bytes[:ruby_heap_live]
      end

      # Of a heap whose collector tells nothing of its objects all is as if it held some.
      def uncounted(resident)
        @reasons[:ruby_heap_free] ||= "this Ruby's collector does not count what its objects take"
        resident.to_i
      end

      def proven(kind, *layers)
        layers.each { |layer| @reasons[layer] = @kinds.reasons[kind] if @kinds.reasons[kind] }
        @kinds.rss(kind)
      end

      # What the kernel counts, where it shows the name; otherwise what is held, all of which was written to.
      def take_private_heap
        @bytes[:private_heap] = @kinds.rss(:private_heap) || take(@private_bytes)
      end

      # Moves up to `bytes` out of what is left.
      def take(bytes)
        taken = bytes.clamp(0, @left)
        @left -= taken
        taken
      end

      def take_malloc
        resident = @kinds.rss(:malloc) || take_by_own_figure
        return unknown_malloc unless resident
        return @bytes[:malloc] = resident unless (allocated = find_allocated)
        @bytes[:malloc_live] = outside_ruby_heap(allocated).clamp(0, resident)
        @bytes[:malloc_kept] = resident - @bytes[:malloc_live]
      end

      def take_by_own_figure
        figure = @sample.resident || @sample.committed || @sample.mapped
        figure && take(outside_ruby_heap(figure))
      end

      # Where Ruby takes its pages from malloc, the allocator counts them too.
      def outside_ruby_heap(bytes)
        @ruby_heap.from_malloc? ? [bytes - @ruby_heap.page_bytes_in_all, 0].max : bytes
      end

      def find_allocated
        allocated = @sample.allocated || @census&.allocated
        @reasons[:malloc_live] ||= why_no_live_bytes unless allocated
        allocated
      end

      def why_no_live_bytes
        return "#{Allocators.bound_name}'s census does not tell live bytes here" if @census
        return "#{Allocators.bound_name} counts live bytes only in a census: AllocStats.ledger(census: true)" if Allocators.running.live_in_census?
        "this allocator (#{Allocators.bound_name}) does not measure live bytes"
      end

      def unknown_malloc
        @bytes[:malloc] = nil
        @reasons[:malloc] = "#{@kinds.reasons[:malloc]}, and it measures none of resident, committed and mapped".sub("; AllocStats.ledger takes its own figure", "")
      end

      # Ruby's walk passes by pages that hold no object at all.
      def note_unlisted_pages
        missing = @ruby_heap.pages - @scan[:ruby_heap_pages]
        return unless @bytes[:ruby_heap_live] && missing.positive? && @scan[:ruby_heap_pages].positive?
        @reasons[:other] = "up to #{missing * @ruby_heap.page_bytes} bytes of it are #{missing} pages of Ruby's heap that Ruby does not list, being empty or new"
      end
    end
  end
end
