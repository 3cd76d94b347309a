# frozen_string_literal: true

module AllocStats
  # All workers of the server that this process belongs to, as any of them sees them. Without a server, or without the
  # agent (AllocStats.start), there is this process alone.
  #
  #   AllocStats.workers.map { |worker| [worker.index, worker.figures[:rss]] }
  #   AllocStats.workers.total[:pss]    # what they take together, with the process that forked them
  #   AllocStats.workers.purge          # reaches all of them
  #   AllocStats.workers.purge(only: 2) # reaches that one
  #
  # Under a server whose processes say in their title what they are (Puma, Unicorn, Pitchfork) the list has its workers;
  # elsewhere all processes that share memory by having been forked from each other. A worker that died stays in the list
  # for ten minutes after its last report, unless another one has taken its place.
  class Workers
    include Enumerable

    autoload :Ledger, "allocstats/workers/ledger"
    autoload :Master, "allocstats/workers/master"
    autoload :Pending, "allocstats/workers/pending"
    autoload :Purge, "allocstats/workers/purge"
    autoload :Request, "allocstats/workers/request"
    autoload :Tuning, "allocstats/workers/tuning"

    # A worker that was asked has not answered, or not in a way that makes sense; the message says which.
    class NoAnswer < Error; end

    # How long a dead worker is shown, in seconds after its last report.
    SHOWN_DEAD = 600

    # @param slow [Boolean, ProcessMemory] whether this process's PSS, USS and swap are read now where no agent runs:
    #   milliseconds, growing with the resident set; or where they were read just now
    # @param sample [Sample, nil] of this process and moment; nil: this takes its own
    def self.read(slow: true, sample: nil)
      own = SharedMemory.own_row
      return new([Worker.here(own, slow: slow, sample: sample)], shared: false) unless own && own[:slot]
      rows = SharedMemory.rows.reject { |row| joining?(row) && row[:slot] != own[:slot] }
      new(rows.map { |row| (row[:slot] == own[:slot]) ? Worker.here(own, slow: slow, sample: sample) : Worker.new(row) }, shared: true, master: Master.worker)
    end

    # Whether it has a slot, and has said nothing from there yet: it will in a moment, and is not one that stopped.
    def self.joining?(row) = row[:alive] && row[:samples] == 0

    private_class_method :joining?

    # @param workers [Array<Worker>]
    # @param shared [Boolean] whether they come from shared memory
    # @param master [Worker, nil] whom they come from, where it says nothing of itself
    def initialize(workers, shared:, master: nil)
      @shared = shared
      @workers = choose(workers).sort_by { |worker| [worker.index, worker.pid] }.freeze
      rest = (workers - @workers).select(&:alive?)
      @masters = [*(master unless workers.any? { |worker| worker.pid == master&.pid }), *rest].freeze
      freeze
    end

    # What belongs to the server and is no worker: the process that forked them, and a mold of theirs. One that runs no
    # agent is known by what the kernel tells of it: its figures but for :rss, :pss, :uss and :swap are nil.
    # @return [Array<Worker>]
    attr_reader :masters

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

    # What the living ones and their masters have together: {rss:, pss:, live:, kept:}, each nil where one of them does not
    # know it. Pages that they share count once in each one's `rss`, so `pss` is what adds up.
    # @return [Hash{Symbol => Integer, nil}]
    def total = sums(select(&:alive?) + masters)

    # The same of the workers alone.
    # @return [Hash{Symbol => Integer, nil}]
    def workers_total = sums(select(&:alive?))

    # @param which [Integer] the index of a worker, or the pid
    # @return [Worker] a living one
    # @raise [UnknownName]
    def fetch(which)
      living = select(&:alive?)
      living.find { |worker| worker.index == which } || living.find { |worker| worker.pid == which } or
        raise UnknownName.among("worker", which, living.map(&:index))
    end

    # Where one's resident memory is. Another process makes its ledger itself and hands it over, which takes it milliseconds.
    # @param which [Integer] the index or the pid of a worker
    # @param timeout [Numeric] seconds to wait for it
    # @return [AllocStats::Ledger]
    # @raise [UnknownName, NoAnswer]
    def ledger(which, timeout: Request::SECONDS)
      worker = fetch(which)
      worker.self? ? AllocStats::Ledger.read : Ledger.of(worker, timeout: timeout)
    end

    # Purges all of them, each as AllocStats.purge does, at the same time. One request at a time goes through all workers.
    # @param only [Integer, nil] the index or the pid of the one that is asked
    # @param timeout [Numeric] seconds to wait for answers; who has begun by then purges nevertheless
    # @return [Workers::Purge]
    # @raise [UnknownName] where there is no such worker
    def purge(gc: false, compact: false, only: nil, timeout: Request::SECONDS)
      Purge.run(self, only: only, timeout: timeout, gc: gc, compact: compact)
    end

    # Asks for the same and waits for nobody: this process purges, if it is among those that are asked, and the others'
    # answers are looked for when it is convenient. No other request goes through until all have answered, the timeout is
    # over or it was ended.
    # @return [Workers::Pending]
    # @raise as purge
    def begin_purge(gc: false, compact: false, only: nil, timeout: Request::SECONDS)
      Purge.begin(self, only: only, timeout: timeout, gc: gc, compact: compact)
    end

    # Tunes all of them, each as AllocStats.tune does; workers that are forked later from another process begin as it is.
    # First this process, if it is among those that are asked: what it refuses no other one is asked.
    # @param only [Integer, nil] the index or the pid of the one that is asked
    # @return [Workers::Tuning]
    # @raise as AllocStats.tune, and [UnknownName] where there is no such worker
    def tune(profile = nil, only: nil, timeout: Request::SECONDS, **options)
      Tuning.run(self, only: only, timeout: timeout, profile: profile, options: options)
    end

    def to_h
      {shared: shared?, workers: map(&:to_h), masters: masters.map(&:to_h), total: total, workers_total: workers_total}
    end

    def inspect
      "#<AllocStats::Workers #{map(&:inspect).join(" ")}>"
    end

    private

    def sums(workers)
      %i[rss pss live kept].to_h do |name|
        values = workers.map { |worker| worker.figures[name] }
        [name, (values.sum if values.none?(nil))]
      end
    end

    def choose(workers)
      titled = workers.select { |worker| worker.title == "worker" }
      shown = titled.empty? ? workers : titled
      living, dead = shown.partition(&:alive?)
      living + dead.select { |worker| mourned?(worker, living) }
    end

    def mourned?(worker, living)
      worker.age && worker.age <= SHOWN_DEAD && living.none? { |other| worker.title && other.index == worker.index }
    end
  end
end
