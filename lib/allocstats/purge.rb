# frozen_string_literal: true

module AllocStats
  # What one purge did: the answer of AllocStats.purge.
  #
  # - `before`, `after` (Hash) the figures of a sample, by name, around the purge, and `uss`: the resident bytes that no
  #   other process maps; nil where nothing was to be collected, since reading it costs milliseconds, and where the kernel
  #   does not say
  # - `released` (Integer or nil) bytes by which the resident set became smaller, 0 where that is less than NOISE; nil where
  #   the kernel does not say
  # - `outcome` (Symbol) :released; :nothing, when the allocator did what it could and nothing came of it; :unshared, when
  #   the process has more pages of its own than before: collecting or compacting wrote to pages that it shared with its
  #   parent and siblings, so that the machine has less although the resident set may be smaller; :noop, when the allocator
  #   can do nothing
  # - `reason` (String or nil) why nothing was released, which threads keep theirs for now, and what Ruby keeps
  # - `steps` (Array<Step>) what was done, in order
  # - `threads` (Hash) how many other Ruby threads were :asked to hand back what the allocator keeps for them alone, which
  #   each does at its next AllocStats.safe_point; empty where the allocator keeps nothing for threads
  # - `seconds` (Float)
  class Purge
    autoload :RubyHeap, "allocstats/purge/ruby_heap"
    autoload :Run, "allocstats/purge/run"

    # `name` is in the allocator's own words; `released` are bytes of resident set, negative where it grew meanwhile.
    Step = Struct.new(:name, :released, :seconds, keyword_init: true)

    # The readings and this object themselves touch some pages: less than this is nobody's doing.
    NOISE = 128 * 1024

    # The step that purges the extension's own heap.
    PRIVATE_HEAP = "private heap"

    @flight = SingleFlight.new("a purge")
    @options = Mutex.new

    @subscribers = []

    # Purges; see AllocStats.purge.
    def self.run(**options)
      @flight.run { Run.new(**options).call.tap { |purge| tell(purge) } }
    end

    # Has the block called with every purge of this process when it is over, in the thread that made it: for logs and
    # notifications. What the block raises is told on stderr and goes no further.
    # @yieldparam purge [Purge]
    # @return [Proc] the block, for unsubscribe
    def self.subscribe(&block)
      raise InvalidValue, "subscribe takes a block" unless block
      @subscribers += [block]
      block
    end

    def self.unsubscribe(block)
      @subscribers -= [block]
    end

    def self.tell(purge)
      count(purge.released)
      @subscribers.each do |subscriber|
        subscriber.call(purge)
      rescue => error
        warn("allocstats: a subscriber to purges has failed: #{error.class}: #{error.message}")
      end
    end
    private_class_method :tell

    # Runs the block while no purge has changed the allocator's options for its own time.
    def self.apart(&block)
      @options.synchronize(&block)
    end

    attr_reader :before, :after, :released, :outcome, :reason, :steps, :threads, :seconds

    def initialize(before:, after:, steps:, threads:, seconds:, supported:)
      @before = before.freeze
      @after = after.freeze
      @steps = steps.freeze
      @threads = threads.freeze
      @seconds = seconds
      @released = beyond_noise(before[:rss] - after[:rss]) if before[:rss] && after[:rss]
      @unshared = beyond_noise(after[:uss] - before[:uss]) if before[:uss] && after[:uss]
      @emptied = RubyHeap.emptied
      @outcome = find_outcome(supported)
      @reason = find_reason
      freeze
    end

    # Of what was released, the bytes that were the extension's own.
    def private_heap
      steps.select { |step| step.name == PRIVATE_HEAP }.sum { |step| [step.released.to_i, 0].max }
    end

    def to_h
      {
        outcome: outcome, reason: reason, released: released, seconds: seconds, private_heap: private_heap,
        threads: threads, steps: steps.map(&:to_h), before: before, after: after
      }
    end

    def inspect
      "#<AllocStats::Purge #{outcome}, #{released || "unknown"} bytes in #{(seconds * 1000).round(1)} ms#{"; #{reason}" if reason}>"
    end

    private

    def beyond_noise(bytes) = (bytes >= NOISE) ? bytes : 0

    def find_outcome(supported)
      return :unshared if @unshared&.positive?
      return :released if released&.positive?
      supported ? :nothing : :noop
    end

    def find_reason
      [outcome_reason, threads_reason, emptied_reason].compact.join("; ").then { |text| text unless text.empty? }
    end

    def outcome_reason
      case outcome
      when :noop then "#{Allocators.bound_name} cannot be purged; #{Formats.listed(Allocators.able(:purge))} can"
      when :nothing then released ? "no pages were free to be returned" : "the resident set cannot be read"
      when :unshared then "the process has #{Formats::Units.inline_bytes(@unshared)} more of its own than before"
      end
    end

    # Pages of Ruby's heap that hold nothing.
    def emptied_reason
      return unless @emptied && @emptied >= RubyHeap::MUCH
      "Ruby keeps #{Formats::Units.inline_bytes(@emptied)} of emptied pages of its heap, and gives them back only where it compacts it (compact: true)"
    end

    # Threads matter only where the allocator keeps memory for them.
    def threads_reason
      count = threads.fetch(:asked, 0)
      "what is kept for #{(count == 1) ? "1 other thread" : "#{count} other threads"} follows at each one's next safe point" if count.positive?
    end
  end
end
