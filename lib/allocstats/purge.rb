# frozen_string_literal: true

module AllocStats
  # What one purge did: the answer of AllocStats.purge.
  #
  # - `before`, `after` (Hash) the figures of a sample, by name, around the purge
  # - `released` (Integer or nil) bytes by which the resident set became smaller, 0 where it did not; nil where the
  #   kernel does not say
  # - `outcome` (Symbol) :released; :nothing, when the allocator did what it could and nothing came of it; :noop, when it
  #   can do nothing
  # - `reason` (String or nil) why nothing was released, and which threads were not reached
  # - `steps` (Array<Step>) what was done, in order
  # - `threads` (Hash) how many other Ruby threads were :purged while they slept, and how many were :busy or :unreachable;
  #   those purge themselves at their next AllocStats.safe_point
  # - `seconds` (Float)
  class Purge
    autoload :Run, "allocstats/purge/run"
    autoload :SingleFlight, "allocstats/purge/single_flight"

    # `name` is in the allocator's own words; `released` are bytes of resident set, negative where it grew meanwhile.
    Step = Struct.new(:name, :released, :seconds, keyword_init: true)

    # The readings and this object themselves touch some pages: less than this is not called released.
    NOISE = 128 * 1024

    # For a sentence.
    ABLE = "glibc, jemalloc, mimalloc and tcmalloc"

    # The step that purges the extension's own heap.
    PRIVATE_HEAP = "private heap"

    @flight = SingleFlight.new
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
      @released = [before[:rss] - after[:rss], 0].max if before[:rss] && after[:rss]
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

    def find_outcome(supported)
      return :released if released && released >= NOISE
      supported ? :nothing : :noop
    end

    def find_reason
      [outcome_reason, threads_reason].compact.join("; ").then { |text| text unless text.empty? }
    end

    def outcome_reason
      case outcome
      when :noop then "#{Allocator.bound_name} cannot be purged; #{ABLE} can"
      when :nothing then released ? "no pages were free to be returned" : "the resident set cannot be read"
      end
    end

    # Threads matter only where the allocator keeps memory for them.
    def threads_reason
      missed = threads.fetch(:busy, 0) + threads.fetch(:unreachable, 0)
      "#{missed} of #{threads.values.sum} other threads were not asleep and keep theirs until their next safe point" if missed.positive?
    end
  end
end
