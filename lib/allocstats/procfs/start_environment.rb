# frozen_string_literal: true

module AllocStats
  # The environment a process was started with, from /proc/<pid>/environ (proc(5)). ENV is what it was changed to since.
  #
  # The kernel shows the memory in which the strings were put at the start, and setting the process's title ($0, as Puma
  # does) writes over it: text that does not look like an environment counts as unreadable.
  #
  # This process's own is taken apart once, and what was read then is kept: nothing changes what a process was started
  # with, a title that is written over it later takes nothing back, and a forked child was started with the same.
  class Procfs::StartEnvironment
    ENTRY = /\A[A-Za-z_][A-Za-z0-9_.]*=/n
    MOST_ANCESTORS = 32

    class << self
      # What the block reads, if it can be read, or what it has read before in this process or in the one that it was
      # forked from. A Ractor other than the main one only looks.
      def kept
        @kept || yield&.tap { |variables| @kept = Ractor.make_shareable(variables) }
      rescue Ractor::IsolationError
        yield
      end

      # The same of its ancestors, which a forked child has others of.
      def kept_ancestors(pid)
        seen, ancestors = @kept_ancestors
        return ancestors if seen == pid
        yield.tap { |found| @kept_ancestors = Ractor.make_shareable([pid, found]) }
      rescue Ractor::IsolationError
        yield
      end
    end

    attr_reader :pid

    def initialize(pid = Process.pid, root: "/proc")
      @pid = pid
      @root = root
    end

    def readable?
      !variables.nil?
    end

    # The value of a variable at the start; nil where it was not set or cannot be read.
    def [](name)
      variables&.fetch(name, nil)
    end

    # All variables; none where they cannot be read.
    def to_h
      variables || {}
    end

    # The processes above this one whose environment can be read, nearest first. Those above this very process are kept as
    # they were first seen: one that ends later was an ancestor nevertheless.
    def ancestors
      own? ? Procfs::StartEnvironment.kept_ancestors(pid) { read_ancestors } : read_ancestors
    end

    private

    def variables
      return @variables if defined?(@variables)
      @variables = own? ? Procfs::StartEnvironment.kept { read } : read
    end

    def read_ancestors = parents.map { |pid| Procfs::StartEnvironment.new(pid, root: @root) }.select(&:readable?)

    def own? = pid == Process.pid && @root == "/proc"

    def read
      parse(File.binread("#{@root}/#{pid}/environ"))
    rescue SystemCallError
      nil
    end

    def parse(text)
      entries = text.split("\0").reject(&:empty?)
      return if entries.empty? && !text.empty? # NULs alone: what was there is gone
      return unless entries.all? { |entry| entry.match?(ENTRY) }
      rejoined(entries).to_h { |entry| entry.split("=", 2) }
    end

    # glibc before 2.39 puts a NUL behind every tunable that it knows, in the very memory that environ shows.
    def rejoined(entries)
      entries.slice_when { |_, entry| !entry.start_with?("glibc.") }.flat_map { |part|
        part.first.start_with?("GLIBC_TUNABLES=") ? part.join(":") : part
      }
    end

    def parents
      list = []
      pid = @pid
      while list.size < MOST_ANCESTORS && (pid = parent_of(pid))&.positive?
        list << pid
      end
      list
    end

    def parent_of(pid)
      Procfs::Folder.new("#{@root}/#{pid}").stat.parent
    rescue SystemCallError
      nil
    end
  end
end
