# frozen_string_literal: true

module AllocStats
  module Rack
    # Another worker of the server, as the one that answers can tell of it: its own ledger, which it is asked for, and its
    # history. One that is busy or stopped is told of too, by what it has reported last and what the kernel shows of it.
    class Peer
      # So long it is waited for, in seconds: somebody looks at the page.
      PATIENCE = 1

      # What is seen of its ledger from outside, beside what Ledger::DEFINITIONS has.
      RUBY_HEAP = "pages of Ruby's heap, with what they have free, by the worker's own count"

      # Its index among the workers.
      def initialize(index)
        @index = index
      end

      # What takes the place of the answering worker's own in a status document.
      # @return [Hash, nil] nil where there is no such worker, or it has ended
      def to_h
        workers = AllocStats.workers
        worker = workers.find { |each| each.index == @index && each.alive? } or return
        return if worker.self?
        {index: worker.index, pid: worker.pid, age: worker.age, ledger: ledger(workers, worker), history: worker.history.to_h}
      end

      private

      def ledger(workers, worker)
        workers.ledger(worker.index, timeout: PATIENCE).to_h
      rescue Workers::NoAnswer => error
        seen_from_outside(worker, error.message)
      end

      def seen_from_outside(worker, why)
        memory = OtherProcess.new(worker.pid).memory
        return {rss: nil, layers: {}, definitions: {}, reasons: memory.reasons} unless memory.rss && memory.kinds[:code]
        layers = layers(memory, worker.figures)
        {rss: memory.rss, layers: layers, definitions: definitions(layers), reasons: reasons(worker, why)}
      rescue Error => error
        {rss: nil, layers: {}, definitions: {}, reasons: {rss: error.message}}
      end

      # The kernel's count of the mappings is of this moment; what divides the anonymous ones is what the worker has said
      # last, at most what there is. What nobody claims is `other`, so the parts sum to what is resident.
      def layers(memory, figures)
        proven = {stacks: [:stack], files: [:code, :file], shared: [:shared], jit: [:jit]}
          .transform_values { |kinds| kinds.sum { |kind| memory.kinds.dig(kind, :rss).to_i } }
        left = memory.rss - proven.values.sum
        claims = {ruby_heap: figures[:ruby_heap_pages]&.*(ProcessMemory.heap_page_bytes), malloc_live: figures[:live], malloc_kept: figures[:kept]}
        claimed = claims.compact.transform_values { |bytes| bytes.clamp(0, left).tap { |taken| left -= taken } }
        {**claimed, **proven, other: left}
      end

      def definitions(layers)
        layers.to_h { |name, _| [name, (name == :ruby_heap) ? RUBY_HEAP : Ledger::DEFINITIONS.fetch(name)] }
      end

      def reasons(worker, why)
        {"seen from outside" => "#{why}; the kernel counts its mappings now; what Ruby and malloc have of them is its own report of #{worker.age.to_i} s ago"}
      end
    end
  end
end
