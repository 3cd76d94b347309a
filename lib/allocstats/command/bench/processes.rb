# frozen_string_literal: true

module AllocStats
  module Command
    class Bench
      # What processes of this machine take together: PSS, in which pages that they share count once.
      class Processes
        # @param parent [Integer] with all that descend from it
        def initialize(parent)
          @parent = parent
        end

        # @return [Integer, nil] bytes; nil where the parent is gone
        # @raise [Failure]
        def bytes
          found = Pid.looking { pids.filter_map { |pid| pss(pid) } }
          found.sum unless found.empty?
        end

        private

        def pids
          children = Dir.children("/proc").grep(/\A\d+\z/).map(&:to_i).group_by { |pid| parent_of(pid) }
          found = [@parent]
          found.each { |pid| found.concat(children.fetch(pid, [])) }
        end

        def parent_of(pid)
          Procfs::Folder.new("/proc/#{pid}").stat.parent
        rescue SystemCallError
          nil
        end

        def pss(pid)
          process = OtherProcess.new(pid)
          process.pss || process.rss
        rescue OtherProcess::Gone
          nil
        end
      end
    end
  end
end
