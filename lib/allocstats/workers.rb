# frozen_string_literal: true

module AllocStats
  # All workers of the server that this process belongs to, as any of them sees them. Without a server, or without the
  # sampler (AllocStats.start), there is this process alone.
  #
  #   AllocStats.workers.map { |worker| [worker.index, worker.figures[:rss]] }
  #   AllocStats.workers.total[:pss]    # what they take together
  #   AllocStats.workers.purge          # reaches all of them
  #
  # Under a server whose processes say in their title what they are (Puma, Unicorn, Pitchfork) the list has its workers;
  # elsewhere all processes that share a page by having been forked from each other. A worker that died stays in the list
  # for ten minutes after its last report, unless another one has taken its place.
  class Workers
    include Enumerable

    autoload :Purge, "allocstats/workers/purge"
    autoload :Request, "allocstats/workers/request"
    autoload :Tuning, "allocstats/workers/tuning"

    # How long a dead worker is shown, in seconds after its last report.
    SHOWN_DEAD = 600

    # @param slow [Boolean] whether this process's PSS, USS and swap are read now where no sampler runs: milliseconds,
    #   growing with the resident set
    def self.read(slow: true)
      own = SharedPage.own_row
      return new([Worker.here(own, slow: slow)], shared: false) unless own && own[:slot]
      rows = SharedPage.rows.reject { |row| joining?(row) && row[:slot] != own[:slot] }
      new(rows.map { |row| (row[:slot] == own[:slot]) ? Worker.here(own, slow: slow) : Worker.new(row) }, shared: true)
    end

    # Whether it has a seat, and has said nothing from there yet: it will in a moment, and is not one that stopped.
    def self.joining?(row) = row[:alive] && row[:samples] == 0

    private_class_method :joining?

    # @param workers [Array<Worker>]
    # @param shared [Boolean] whether they come from a shared page
    def initialize(workers, shared:)
      @shared = shared
      @all = workers
      @workers = choose(workers).sort_by { |worker| [worker.index, worker.pid] }.freeze
      freeze
    end

    def each(&block)
      return to_enum(:each) { size } unless block
      @workers.each(&block)
      self
    end

    def size = @workers.size

    # Whether other processes can be seen from here.
    def shared? = @shared

    # This process, where it is one of them.
    # @return [Worker, nil]
    def own = find(&:self?)

    # What the living ones have together: {rss:, pss:, live:, kept:}, each nil where one of them does not know it. Pages
    # that they share count once in each one's `rss`, so `pss` is what adds up.
    # @return [Hash{Symbol => Integer, nil}]
    def total
      living = select(&:alive?)
      %i[rss pss live kept].to_h do |name|
        values = living.map { |worker| worker.figures[name] }
        [name, (values.sum if values.none?(nil))]
      end
    end

    # Purges all of them, each as AllocStats.purge does, at the same time. One request at a time goes through all workers.
    # @param timeout [Numeric] seconds to wait for answers; who has none by then may purge later
    # @return [Workers::Purge]
    def purge(gc: false, compact: false, timeout: 10)
      Purge.run(self, timeout: timeout, gc: gc, compact: compact)
    end

    # Tunes all of them, each as AllocStats.tune does; workers that are forked later from another process begin as it is.
    # First this process: what it refuses no other one is asked.
    # @return [Workers::Tuning]
    # @raise as AllocStats.tune
    def tune(profile = nil, timeout: 10, **options)
      Tuning.run(self, timeout: timeout, profile: profile, options: options)
    end

    def to_h
      {shared: shared?, workers: map(&:to_h), total: total}
    end

    def inspect
      "#<AllocStats::Workers #{map(&:inspect).join(" ")}>"
    end

    private

    def choose(workers)
      titled = workers.select { |worker| worker.role == "worker" }
      shown = titled.empty? ? workers : titled
      living, dead = shown.partition(&:alive?)
      living + dead.select { |worker| mourned?(worker, living) }
    end

    def mourned?(worker, living)
      worker.age && worker.age <= SHOWN_DEAD && living.none? { |other| worker.role && other.index == worker.index }
    end
  end
end
