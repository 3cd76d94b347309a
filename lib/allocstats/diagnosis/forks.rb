# frozen_string_literal: true

module AllocStats
  class Diagnosis
    # Forks at whose very moment another thread of the parent was beginning: those by which a process's children came to
    # be, and the one that it came of itself. What has ended since cannot be seen any more.
    class Forks
      # How far a thread's start may lie before the fork: a tick of the kernel's, which is as exact as it tells.
      # With the ticks' own length, of 10 ms, the two are less than 20 ms apart.
      TICKS = 1

      # Numbers are given out in order, one by one up to this, and then from the beginning again: of a thread and a child
      # that began in the same tick, they tell which was first. From 3.3 on Ruby ends its own timer thread before a fork
      # and begins another one right after it.
      NUMBERS = "/proc/sys/kernel/pid_max"

      # Whose start is waited for before anybody can fork (AllocStats.start).
      OUR_OWN = "allocstats"

      # @param folder [String] the process's, "/proc/self"
      def initialize(folder)
        @process = Procfs::Folder.new(folder)
      end

      # @return [Array<Hash>] {parent:, child:, thread:}: two pids and how the thread calls itself
      # @raise [SystemCallError] where the process is not there, or the kernel lists no children (CONFIG_PROC_CHILDREN)
      def beside_beginning_threads
        mine = @process.stat
        @process.read("task/#{mine.pid}/children") # without it an empty list would claim that there were none
        forks_of(mine.pid) + (mine.forked? ? forks_of(mine.parent).select { |fork| fork[:child] == mine.pid } : [])
      end

      private

      def forks_of(parent)
        threads = Procfs::Folder.new("/proc/#{parent}").tasks
        threads.flat_map do |forking, task|
          others = threads.reject { |id, _| id == parent || id == forking }
          children(task).flat_map do |child|
            first = others.select { |id, _| before?(id, child) }
            (beginning(first.values, child) - [OUR_OWN]).map { |name| {parent: parent, child: child, thread: name} }
          end
        end
      end

      # Whether this number was given out before that one, not long ago.
      def before?(id, child)
        (child - id) % numbers < numbers / 2
      end

      def numbers
        @numbers ||= Measured.count(File.binread(NUMBERS).strip) || 2**22
      rescue SystemCallError
        @numbers = 2**22
      end

      # Forked by this thread, or by one that has ended.
      def children(task)
        if_there { task.read("children").split.map(&:to_i) } || []
      end

      # How those threads call themselves that were beginning when the child was forked.
      def beginning(threads, child)
        fork = if_there { Procfs::Folder.new("/proc/#{child}").stat }
        return [] unless fork&.forked?
        threads.filter_map { |thread| if_there { thread.name if (0..TICKS).cover?(fork.start_time - thread.stat.start_time) } }
      end

      # Threads and children can end while they are listed.
      def if_there
        yield
      rescue Errno::ENOENT, Errno::ESRCH
        nil
      end
    end
  end
end
