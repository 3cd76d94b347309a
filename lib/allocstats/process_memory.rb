# frozen_string_literal: true

require_relative "cgroup"
require_relative "procfs"
require_relative "procfs/reason" # where there is no descriptor left, nothing more can be loaded

module AllocStats
  # The memory of this process as the kernel counts it, in one pass over its mappings, and the limit it lives under.
  #
  #   memory = AllocStats.memory
  #   memory.rss                   # => 68_722_688
  #   memory.uss                   # what would come back if this process alone ended
  #   memory.kinds[:malloc][:rss]  # by what the memory is for: see KINDS
  #   memory.limit.bytes           # the smallest limit there is, and
  #   memory.limit.source          # where it stands
  #   memory.reasons               # => {malloc: "jemalloc's mappings carry no name ..."}: why something is nil
  #
  # Everything is bytes. What could not be read is nil and has its reason, never 0. Sources: /proc/self/smaps for all
  # figures but pss and swap_pss, which are /proc/self/smaps_rollup's where there is one, because smaps rounds them down
  # for each mapping; without smaps everything is smaps_rollup's and there are no kinds. The kinds' rss sum to `rss`.
  #
  # A mapping that holds memory of several kinds, since the kernel merges neighbours, is split by its resident pages, and
  # its other figures in the same proportion: there they are estimates, whose sum is exact.
  class ProcessMemory
    # What the kernel counts: name => definition.
    FIGURES = figure_list.to_h { |name, field, definition| [name, "#{definition} (#{field})".freeze] }.freeze

    # The kinds of mapping: name => definition.
    KINDS = kind_list.to_h { |name, _, definition| [name, definition.freeze] }.freeze

    # What is shown of the whole and of each kind: name => the kernel's figures that it is the sum of.
    SUMS = {
      rss: [:rss].freeze,
      pss: [:pss].freeze,
      uss: [:private_clean, :private_dirty].freeze,
      shared: [:shared_clean, :shared_dirty].freeze,
      private: [:private_clean, :private_dirty].freeze,
      swap: [:swap].freeze,
      swap_pss: [:swap_pss].freeze,
      huge: [:anon_huge, :shmem_huge, :file_huge].freeze,
      hugetlb: [:shared_hugetlb, :private_hugetlb].freeze
    }.freeze

    # Those that older kernels do not list, because they have no such pages; the first of a sum must be there.
    OPTIONAL = [:shmem_huge, :file_huge].freeze

    # The folder of this process, below the root.
    SELF = "/proc/self"

    # A limit: bytes, and words that say where it stands.
    Limit = Struct.new(:bytes, :source) do
      # The one that binds: the smallest of the control groups' limits and the machine's memory.
      # @param cgroup [Cgroup]
      # @param machine [Integer, nil] bytes of MemTotal in `root`/proc/meminfo
      # @return [Limit, nil] nil where neither is known
      def self.smallest(cgroup, machine, root: "")
        found = []
        found << new(machine, "the machine's memory: MemTotal of #{root}/proc/meminfo") if machine
        found << new(cgroup.limit, cgroup.limit_source) if cgroup.limit
        found.min_by(&:bytes)
      end
    end

    # Resident bytes, shared pages included.
    attr_reader :rss
    # Resident bytes, each shared page divided by the number of processes that map it: what adds up over processes.
    attr_reader :pss
    # Resident bytes that no other process maps; `private` is another name for it.
    attr_reader :uss, :private
    # Resident bytes that other processes map too; rss is private and shared together.
    attr_reader :shared
    # Bytes that are swapped out, and the same divided among those who share them. No part of rss.
    attr_reader :swap, :swap_pss
    # Resident bytes mapped by transparent huge pages, a part of rss; and hugetlbfs pages, which the kernel keeps out of rss.
    attr_reader :huge, :hugetlb
    # Kind => {rss:, pss:, uss:, shared:, private:, swap:, swap_pss:, huge:, hugetlb:}; a kind that cannot be told is nil.
    attr_reader :kinds
    # How many mappings there are.
    attr_reader :mappings
    # The control group: limit, usage, events, swap, pressure.
    # @return [Cgroup]
    attr_reader :cgroup
    # The smallest of the control groups' limits and the machine's memory.
    # @return [Limit, nil]
    attr_reader :limit
    # Why something is nil, or what it lacks: name of the reader or of the kind => sentence.
    attr_reader :reasons

    # @param root [String] "" for this process, or the folder of a tree that holds proc/self/smaps and the like, of which
    #   only names are evidence
    # @param process [Integer, nil] the pid of another process, of which only names are evidence too; nil: this one
    def self.read(root: "", process: nil)
      root = Procfs::Reason.root(root)
      folder = process ? "/proc/#{Integer(process)}" : SELF
      of(pass(root, folder), root: root, process: folder)
    end

    # One pass over the mappings, of which this and a Ledger can be made.
    # @return [Hash] of scan
    def self.pass(root = "", folder = SELF)
      scan(root, heap_page_bytes, true, folder) || raise(Error, "there is no memory for reading the control group's files")
    end

    # @param pass [Hash] by `pass`, with the same root and folder
    def self.of(pass, root: "", process: SELF)
      new(pass, Cgroup.new(pass[:cgroup], root: root, process: process), root: root, process: process)
    end

    # The size of a page of Ruby's heap; 0 where this Ruby does not tell.
    def self.heap_page_bytes
      bytes = GC::INTERNAL_CONSTANTS[:HEAP_PAGE_SIZE]
      (bytes.is_a?(Integer) && bytes.positive? && (bytes & (bytes - 1)).zero?) ? bytes : 0
    end

    def initialize(scan, cgroup, root: "", process: SELF)
      @root = root
      @process = process
      @scan = scan
      @cgroup = cgroup
      @reasons = {}
      take_figures
      @kinds = find_kinds&.freeze
      @limit = find_limit(@scan[:machine_memory], @scan[:machine])&.freeze
      @reasons.freeze
      @scan = nil
      freeze
    end

    def to_h
      {
        rss: rss, pss: pss, uss: uss, swap: swap, swap_pss: swap_pss, shared: shared, private: private, huge: huge,
        hugetlb: hugetlb, mappings: mappings, kinds: kinds, limit: limit&.to_h, cgroup: cgroup.to_h, reasons: reasons
      }
    end

    def inspect
      figures = {rss: rss, pss: pss, uss: uss, swap: swap, limit: limit&.bytes}
      "#<AllocStats::ProcessMemory #{figures.map { |name, bytes| "#{name}=#{bytes.inspect}" }.join(" ")}>"
    end

    private

    def path(file) = "#{@root}#{@process}/#{file}"

    def smaps? = @scan[:smaps][:status] == :ok

    def rollup? = @scan[:rollup][:status] == :ok

    def take_figures
      figures = choose_figures
      @mappings = smaps? ? @scan[:mappings] : absent(:mappings, Procfs::Reason.of(path("smaps"), @scan[:smaps]))
      @rss, @pss, @uss, @shared, @private, @swap, @swap_pss, @huge, @hugetlb = SUMS.map do |name, parts|
        sum(figures, parts) || absent(name, why_not(parts))
      end
    end

    def choose_figures
      whole = rollup? ? @scan[:whole] : {}
      return whole unless smaps?
      exact = whole.slice(:pss, :swap_pss).compact
      @scan[:mapped].merge(exact)
    end

    def sum(figures, parts)
      values = parts.map { |part| figures[part] || (OPTIONAL.include?(part) ? 0 : nil) }
      values.sum if values.none?(nil)
    end

    def why_not(parts)
      return Procfs::Reason.of(path("smaps"), @scan[:smaps]) unless smaps? || rollup?
      fields = parts.map { |part| FIGURES.fetch(part)[/\((\w+)\)\z/, 1] }
      "#{path(smaps? ? "smaps" : "smaps_rollup")} does not give #{fields.join(" and ")} for every mapping"
    end

    def absent(name, reason)
      @reasons[name] = reason
      nil
    end

    def find_kinds
      return absent(:kinds, Procfs::Reason.of(path("smaps"), @scan[:smaps])) unless smaps?
      return absent(:kinds, why_not([:rss])) unless rss
      kinds = Kinds.new(@scan, root: @root, process: @process)
      @reasons.update(kinds.reasons)
      kinds.figures.transform_values { |figures| figures && SUMS.transform_values { |parts| sum(figures, parts) }.freeze }
    end

    def find_limit(machine, reading)
      Limit.smallest(cgroup, machine, root: @root) || absent(:limit, [cgroup.reasons[:limit], Procfs::Reason.of("#{@root}/proc/meminfo", reading)].compact.join("; "))
    end
  end
end

require_relative "process_memory/kinds"
