# frozen_string_literal: true

module AllocStats
  # All that one document, or one answer, says of this process and its siblings, each part read once, when it is first
  # asked for, and the parts of one moment: one pass over the mappings for memory and ledger, one sample for the figures,
  # the ledger and this process's own row among the workers, one look at the control group.
  #
  #   snapshot = AllocStats::Snapshot.new
  #   snapshot.sample.rss      # the same object each time
  #   snapshot.ledger.rss      # of the same moment
  #
  # A part that cannot be read raises when it is asked for; the others are as they are. One thread at a time.
  class Snapshot
    # When it was begun, as a Time.
    attr_reader :time

    # @param root [String] "" for this machine, or the folder of a tree with the control group's files and /proc/meminfo
    def initialize(root: "")
      @root = root
      @time = Time.now
    end

    # @return [Allocator]
    def allocator = @allocator ||= Allocator.detect

    # @return [Sample]
    def sample = @sample ||= Sample.new

    # Without it nothing here reads /proc/self/smaps.
    # @return [ProcessMemory]
    def memory = @memory ||= ProcessMemory.of(pass)

    # @return [Ledger]
    def ledger = @ledger ||= Ledger.of(pass, sample)

    # @return [PrivateHeap]
    def private_heap = @private_heap ||= PrivateHeap.of(pass)

    # @return [Settings]
    def settings = @settings ||= Settings.read

    # What is slow to read of this process is there when `memory` was read before.
    # @return [Workers]
    def workers = @workers ||= Workers.read(slow: @memory || false, sample: sample)

    # @return [History]
    def history = @history ||= History.read

    # @return [Cgroup]
    def cgroup = @cgroup ||= @memory ? @memory.cgroup : Cgroup.read(root: @root)

    # The one that binds.
    # @return [ProcessMemory::Limit, nil]
    def limit = @limit ||= @memory ? @memory.limit : ProcessMemory::Limit.smallest(cgroup, machine, root: @root)

    private

    # The sample that goes with it is of the moment right after.
    def pass
      @pass ||= ProcessMemory.pass.tap { @sample&.refresh }
    end

    # Bytes.
    def machine
      File.read("#{@root}/proc/meminfo")[/^MemTotal:\s+(\d+) kB$/, 1]&.then { |kib| kib.to_i * 1024 }
    rescue SystemCallError
      nil
    end
  end
end
