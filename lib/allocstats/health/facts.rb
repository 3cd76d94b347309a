# frozen_string_literal: true

module AllocStats
  class Health
    # What the checks look at, each thing read once, when the first of them asks. None of it is /proc/self/smaps, so that
    # a probe each second costs the process nothing it would notice.
    class Facts
      # How long what is known of the allocator is good for: it does not change but when a library is loaded, and finding
      # it out takes half a millisecond, more where many are.
      SECONDS = 60

      # Of this process, at most SECONDS ago.
      # @return [Allocator]
      def self.allocator
        pid, at, allocator = @known
        now = Clock.now
        return allocator if pid == Process.pid && now - at < SECONDS
        AllocStats.allocator.tap { |found| @known = [Process.pid, now, found] }
      end

      # root:: the folder of a tree with proc and sys in it, for tests
      def initialize(root: "")
        @root = root
      end

      def allocator = @allocator ||= Facts.allocator

      # Of this process, in bytes; nil where the kernel does not say.
      def rss = workers.own&.figures&.fetch(:rss)

      # @return [Cgroup]
      def cgroup = @cgroup ||= Cgroup.read(root: @root)

      # The one that binds.
      # @return [ProcessMemory::Limit, nil]
      def limit = @limit ||= ProcessMemory::Limit.smallest(cgroup, machine, root: @root)

      # This process and its siblings.
      # @return [Workers]
      def workers = @workers ||= Workers.read(slow: false)

      # Of those, the ones whose figures say something about now.
      # @return [Array<Worker>]
      def reporting = workers.select { |worker| worker.alive? && !worker.stale? }

      private

      # Bytes.
      def machine
        File.read("#{@root}/proc/meminfo")[/^MemTotal:\s+(\d+) kB$/, 1]&.then { |kib| kib.to_i * 1024 }
      rescue SystemCallError
        nil
      end
    end
  end
end
