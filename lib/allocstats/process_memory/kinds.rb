# frozen_string_literal: true

module AllocStats
  class ProcessMemory
    # Which kinds of mapping a scan could tell apart. Those it could not become nil, with a reason, and what was found of
    # them goes to :other, so that the sum over the kinds stays what it is.
    class Kinds
      # Known by more than the mapping's own line.
      UNCERTAIN = [:stack, :malloc, :ruby_heap, :ruby_heap_empty, :ruby_transient, :private_heap].freeze

      # kind => the kernel's figures, or nil
      attr_reader :figures
      # kind => sentence; for a stack that is not nil: what it lacks
      attr_reader :reasons

      # @param scan [Hash] of ProcessMemory.scan, with smaps read
      def initialize(scan, root: "", process: SELF)
        @scan = scan
        @folder = "#{root}#{process}"
        @reasons = {}
        @figures = scan[:kinds].dup
        UNCERTAIN.each { |kind| judge(kind) }
        note_unknown_stacks
      end

      # Resident bytes of a kind, or nil.
      def rss(kind)
        figures.fetch(kind)&.fetch(:rss)
      end

      private

      def judge(kind)
        return if known?(kind)
        reason = (@folder == SELF) ? send(:"why_no_#{kind}") : why_not_outside(kind)
        give_to_other(kind, reason) if reason
      end

      # By a mapping's name or by a block of our own. A stack's name is only the main thread's and says nothing of others.
      def known?(kind)
        kind != :stack && @scan[:known_kinds].include?(kind)
      end

      def give_to_other(kind, reason)
        @figures[:other] = @figures[:other].merge(@figures[kind]) { |_, one, more| one && more && one + more }
        @figures[kind] = nil
        @reasons[kind] = reason
      end

      # Of another process, or in a made tree.
      def why_not_outside(kind)
        "no mapping of #{@folder}/smaps has a name of this kind" unless kind == :stack
      end

      def why_no_stack
        return "the kernel does not tell where the threads' stacks are (get_robust_list: #{Procfs::Reason.system_error(@scan[:stacks])})" if @scan[:stacks][:status] == :unsupported
        return Procfs::Reason.of("/proc/self/task", @scan[:stacks]) unless @scan[:stacks][:status] == :ok
        "this C library registers no robust list with the kernel, so no thread's stack can be found" if @scan[:threads].positive? && @scan[:unknown_stacks] == @scan[:threads]
      end

      def note_unknown_stacks
        return unless figures[:stack] && @scan[:unknown_stacks].positive?
        @reasons[:stack] = "the stacks of #{@scan[:unknown_stacks]} of #{@scan[:threads]} threads cannot be told from the memory around them and are part of other"
      end

      def why_no_malloc
        return Procfs::Reason.of("/proc/self/mem", @scan[:heaps]) if @scan[:heaps_looked_for]
        "the mappings of this allocator (#{Allocators.bound_name}) carry no name that tells them from other anonymous memory; AllocStats.ledger takes its own figure"
      end

      def why_no_ruby_heap
        case @scan[:ruby_heap]
        when :ok then nil
        when :ractors then "Ruby's heap cannot be walked safely while other Ractors run"
        when :unfound then "the pages of this Ruby's heap do not tell what they are"
        else "this Ruby does not tell the size of its heap pages"
        end
      end

      def why_no_ruby_heap_empty = why_no_ruby_heap

      def why_no_ruby_transient
        "the transient heap could not be told from other memory" if @scan[:transient_heap] == :unfound
      end

      def why_no_private_heap
        "the mappings of the private heap cannot be told from others; AllocStats.private_heap says what is in blocks of it"
      end
    end
  end
end
