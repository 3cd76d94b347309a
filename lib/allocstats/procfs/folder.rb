# frozen_string_literal: true

module AllocStats
  # A process's folder in /proc (proc(5)): what is read of it as text, for this process and for others alike.
  #
  #   folder = AllocStats::Procfs::Folder.new("/proc/self")
  #   folder.peak              # => 13_967_360
  #   folder.stat.start_time   # => 2_469_227
  #
  # Each call reads anew. What is not there, or may not be read, is the SystemCallError that reading it gave.
  class Procfs::Folder
    # The fields of `stat`, as numbers; nil where the text has no such field. The second one is a name in brackets that
    # may hold anything, brackets too: those behind it are counted from the last bracket on.
    class Stat
      # PF_FORKNOEXEC of the kernel's sched.h.
      FORKED = 0x40

      # The last field that is asked for.
      LAST = 22

      # @param text [String] bytes
      def initialize(text)
        @pid = text.to_i
        @fields = text[/.*\) (.*)/mn, 1].to_s.split(" ", LAST - 1)
      end

      attr_reader :pid

      # "S" sleeps, "Z" has ended, ...
      # @return [String, nil]
      def state = @fields[0]

      # The pid of its parent.
      def parent = number(4)

      # Whether it was forked from another process, and has not become another program since.
      def forked? = (number(9).to_i & FORKED).positive?

      # In ticks since the machine started; exec keeps it.
      def start_time = number(22)

      private

      # @param field [Integer] as proc(5) counts them, from 1 on
      def number(field) = @fields[field - 3]&.to_i
    end

    # @param path [String] "/proc/self", "/proc/4711", or such a folder in a made tree
    def initialize(path)
      @path = path
    end

    # @param file [String] its name in the folder
    # @return [String] bytes
    def read(file) = File.binread("#{@path}/#{file}")

    # @return [Stat]
    def stat = Stat.new(read("stat"))

    # The lines of status: {"VmHWM" => "13640 kB", ...}
    # @return [Hash{String => String}]
    def status
      read("status").scan(/^([^:\n]+):[ \t]*(.*)$/n).to_h
    end

    # One line of it, for who asks often.
    # @param name [String] ASCII
    # @return [String, nil] bytes: "13640 kB" of "VmHWM"
    def status_line(name) = read("status")[/^#{name}:[ \t]*(.*)$/n, 1]

    # The most bytes that were ever resident.
    # @return [Integer, nil] nil where the kernel does not say
    def peak
      Measured.product(Measured.count(status_line("VmHWM").to_s[/\A(\d+) kB/n, 1]), 1024)
    end

    # How its threads call themselves, and how many do: {"ruby" => 6, "jemalloc_bg_thd" => 1}
    # @return [Hash{String => Integer}] empty where there is no such folder
    def thread_names
      tasks.values.filter_map { |task| name_of(task) }.tally
    end

    # Its threads, each of which has such a folder too.
    # @return [Hash{Integer => Procfs::Folder}] by their numbers; empty where there is no such folder
    def tasks
      Dir.glob("#{@path}/task/*").to_h { |path| [File.basename(path).to_i, Procfs::Folder.new(path)] }
    end

    # How the process's first thread calls itself, or this one: at most fifteen bytes.
    # @return [String]
    def name = Formats.utf8(read("comm").chomp)

    private

    # A thread can end while they are listed.
    def name_of(task)
      task.name
    rescue SystemCallError
      nil
    end
  end
end
