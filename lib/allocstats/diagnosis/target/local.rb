# frozen_string_literal: true

module AllocStats
  class Diagnosis
    class Target
      # A process of this machine: what /proc and /sys tell of it and of the machine.
      class Local < Target
        HUGE_PAGES = "/sys/kernel/mm/transparent_hugepage/enabled"

        # @param root [String] "" for this machine, or the folder of a tree with /sys and /proc/meminfo in its place
        def initialize(root: "", **options)
          super(**options)
          @root = root
        end

        private

        def no_own_threads = "only #{Formats.listed(Allocators.select(&:own_threads).map(&:id))} has threads of its own"

        def no_arenas = "only #{Formats.listed(Allocators.select { |each| each.arenas&.apart }.map(&:id))} has arenas of this kind"

        # @return [String] /proc/<pid>, or /proc/self
        def folder = raise(NotImplementedError)

        def files = @files ||= Procfs::Folder.new(folder)

        def read_preloads
          Procfs::Preloads.new(**linker).requests.map { |request| request.to_h.merge(allocator: request.allocator?) }
        end

        def read_peak = files.peak || unseen(:peak, "#{folder}/status has no VmHWM")

        def read_threads = files.thread_names

        def read_hasty_forks = Forks.new(folder).beside_beginning_threads

        # Whether the process takes part in what the machine does; kernels before 4.10 do not say.
        def read_huge_pages
          mode = File.binread("#{@root}#{HUGE_PAGES}")[/\[(\w+)\]/n, 1]&.then { |word| Formats.utf8(word) }
          {mode: mode, allowed: files.status_line("THP_enabled") != "0"}
        end

        def read_overcommit
          meminfo = File.binread("#{@root}/proc/meminfo")
          mode = Measured.count(File.binread("#{@root}/proc/sys/vm/overcommit_memory").strip)
          {mode: mode, limit: kilobytes(meminfo[/^CommitLimit: +(\d+) kB/n, 1]), committed: kilobytes(meminfo[/^Committed_AS: +(\d+) kB/n, 1])}
        end

        def kilobytes(digits) = Measured.product(Measured.count(digits), 1024)

        def read_processors
          Processors.new(process: folder, root: @root).to_h
        end
      end
    end
  end
end
