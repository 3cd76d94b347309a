# frozen_string_literal: true

require_relative "procfs"
require_relative "procfs/reason" # where there is no descriptor left, nothing more can be loaded

module AllocStats
  # The control group that this process's memory is charged to, v2 or v1, and the limits above it.
  #
  #   cgroup = AllocStats.memory.cgroup
  #   cgroup.version     # => 2, or 1, or nil where no memory controller is in sight
  #   cgroup.limit       # => 536_870_912, the smallest memory.max from here up to the mount point
  #   cgroup.usage       # => 201_326_592, of which nothing can be dropped: anon + sock + kernel
  #   cgroup.events      # => {low: 0, high: 3, max: 0, oom: 0, oom_kill: 0}
  #   cgroup.reasons     # => {high: "... says that there is no limit"}: why something is nil
  #
  # Bytes, unless said otherwise. A group counts all its processes, and the page cache they caused. Sources: "Control
  # Group v2" and "Memory Resource Controller" in the kernel's documentation; SOURCES has file and key of each figure.
  class Cgroup
    # figure => [[v1 file, key or nil] or nil, [v2 file, key or nil] or nil]
    SOURCES = source_list.transform_values { |versions| versions.map { |source| source&.each { |part| part&.freeze }&.freeze }.freeze }.freeze

    # v2's names, and what v1 has of them: max is memory.failcnt, oom_kill is that of memory.oom_control.
    EVENTS = [:low, :high, :max, :oom, :oom_kill].freeze

    # Kernels before 5.18 have no sum of the kernel's memory in memory.stat; these are what it sums.
    KERNEL_PARTS = [:kernel_stack, :slab, :pagetables, :percpu].freeze

    # 1 or 2, and the folder the figures are from.
    attr_reader :version, :path
    # The smallest limit at or above this group, beyond which the kernel reclaims and then kills; and where it stands.
    attr_reader :limit, :limit_source
    # The smallest memory.high at or above this group, beyond which the kernel slows the processes down; v2 only.
    attr_reader :high, :high_source
    # anon + sock + kernel: what cannot be dropped without swap; the page cache, which can, is left out.
    attr_reader :usage
    # How this reading of `usage` was composed, as a sentence.
    attr_reader :usage_definition
    # Everything charged, page cache included: memory.current, v1's memory.usage_in_bytes.
    attr_reader :usage_raw
    # Anonymous memory, network buffers and the kernel's own memory for this group.
    attr_reader :anon, :sock, :kernel
    # {low:, high:, max:, oom:, oom_kill:}, counts since the group was made, groups below included.
    attr_reader :events
    # {limit:, limit_source:, usage:, memory_and_swap_limit:}. v1 has no limit of swap alone but one of both together, v2 the reverse.
    attr_reader :swap
    # {some: {avg10:, avg60:, avg300:, total:}, full: {...}, source:}, or nil: the share of time, in percent, in which
    # some, or all, tasks of the group waited for memory; total in microseconds. Under v1 it is that of the group in the
    # v2 hierarchy, where there is one beside it: source says which file.
    attr_reader :pressure
    # Why something is nil, by the reader's name; :event_high, :swap_limit and so on for what is in a Hash.
    attr_reader :reasons

    # @param root [String] "" for this process, or the folder of a tree with proc/self/cgroup, proc/self/mountinfo and
    #   the mount points they name
    def self.read(root: "")
      root = Procfs::Reason.root(root)
      new(read_files(root) || raise(Error, "there is no memory for reading the control group's files"), root: root)
    end

    def initialize(facts, root: "", process: "/proc/self")
      files = Files.new(facts, root: root, process: process)
      @version = files.version
      @path = files.path.freeze
      @limit, @limit_source = files.limit
      @high, @high_source = files.level_limit(:high)
      take_usage(files)
      @events = EVENTS.to_h { |event| [event, files.number(:"event_#{event}")] }.freeze
      @swap = find_swap(files).freeze
      @pressure = files.pressure.freeze
      @reasons = files.reasons.freeze
      freeze
    end

    def to_h
      {
        version: version, path: path, limit: limit, limit_source: limit_source, high: high, high_source: high_source,
        usage: usage, usage_definition: usage_definition, usage_raw: usage_raw, anon: anon, sock: sock, kernel: kernel,
        events: events, swap: swap, pressure: pressure, reasons: reasons
      }
    end

    def inspect
      return "#<AllocStats::Cgroup none: #{reasons[:version]}>" unless version
      "#<AllocStats::Cgroup v#{version} #{path} usage=#{usage.inspect} limit=#{limit.inspect}>"
    end

    private

    def take_usage(files)
      @usage_raw = files.number(:usage_raw)
      @anon = files.number(:anon)
      @sock = files.number(:sock)
      @kernel = files.number(:kernel) || files.sum(:kernel, KERNEL_PARTS)
      @usage = [anon, sock, kernel].sum if anon && sock && kernel
      @usage_definition = files.usage_definition if usage
      files.absent(:usage, "it is the sum of anon, sock and kernel, of which not all are known") unless usage
    end

    def find_swap(files)
      limit, limit_source = files.level_limit(:swap_limit)
      {
        limit: limit, limit_source: limit_source,
        usage: files.number((version == 1) ? :swap_in_stat : :swap_usage, as: :swap_usage),
        memory_and_swap_limit: files.number(:memory_and_swap_limit)
      }
    end
  end
end

require_relative "cgroup/files"
