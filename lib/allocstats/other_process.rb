# frozen_string_literal: true

module AllocStats
  # Another process, as far as /proc shows it from outside (proc(5)).
  #
  #   process = AllocStats::OtherProcess.new(4711)
  #   process.rss          # => 184_549_376
  #   process.refresh.pss  # reads the four figures anew
  #   process.allocator    # => #<struct Guess name=:jemalloc, path="/usr/lib/...", sentence="... most likely ...">
  #
  # Bytes throughout. Who owns malloc in another process cannot be proven, nor how much of its memory is live: what is
  # mapped is evidence, and is called no more than that. A process that has ended raises Gone, also when its number was
  # given to another one meanwhile; one that may not be looked at (another user's, without the right to) NotPermitted.
  class OtherProcess
    autoload :Guess, "allocstats/other_process/guess"
    autoload :MappedObject, "allocstats/other_process/mapped_object"
    autoload :Maps, "allocstats/other_process/maps"
    autoload :SearchOrder, "allocstats/other_process/search_order"

    # There is no such process, or no more.
    class Gone < Error; end

    # It may not be looked at: another user's, or one that is protected.
    class NotPermitted < Error; end

    STATES_OF_THE_DEAD = %w[Z X].freeze

    attr_reader :pid
    # Resident bytes; the same with shared pages divided among those who share them; those that no other process maps;
    # and what is swapped out. Of smaps_rollup, at the time of `new` or of the last `refresh`.
    attr_reader :rss, :pss, :uss, :swap

    # @param pid [Integer]
    # @raise [InvalidValue, Gone, NotPermitted]
    def initialize(pid)
      raise InvalidValue, "a process has a number above 0, not #{pid.inspect[0, 80]}" unless pid.is_a?(Integer) && pid.positive?
      @pid = pid
      @files = Procfs::Folder.new(folder)
      @started = start_time
      refresh
    end

    # Reads the figures anew.
    # @return [self]
    # @raise [Gone, NotPermitted]
    def refresh
      figures, reading = ProcessMemory.rollup(folder)
      refuse(reading) unless reading[:status] == :ok
      demand_same
      @rss, @pss, @swap = figures.values_at(:rss, :pss, :swap)
      @uss = figures[:private_clean] && figures[:private_dirty] && figures[:private_clean] + figures[:private_dirty]
      self
    end

    # Whether it is still there, and still the same.
    def alive?
      start_time == @started
    rescue Gone
      false
    end

    # All that the kernel counts of it, its control group and its limits, as AllocStats.memory has it for this process.
    # Milliseconds, growing with the number of mappings.
    # @return [ProcessMemory]
    def memory
      ProcessMemory.read(process: pid).tap { demand_same }
    end

    # Its arguments, or the title it gave itself; in brackets the short name where it has neither.
    # @return [String]
    def command
      text = Formats.utf8(read("cmdline").tr("\0", " ").strip)
      text.empty? ? "[#{Formats.utf8(status["Name"])}]" : text
    end

    # What it was started with; unreadable where a title was written over it.
    # @return [Procfs::StartEnvironment]
    def environment
      @environment ||= Procfs::StartEnvironment.new(pid)
    end

    # The lines of /proc/<pid>/status: {"VmHWM" => "13640 kB", ...}
    def status = looking { @files.status }

    # The most bytes that were ever resident; nil where the kernel does not say.
    def peak = looking { @files.peak }

    # How its threads call themselves, and how many do: {"ruby" => 6, "jemalloc_bg_thd" => 1}
    def thread_names = @files.thread_names

    # Its mappings, and what can be told from them.
    # @return [Maps]
    def maps
      @maps ||= Maps.new(read("maps"))
    end

    # Which allocator it most likely runs, by what is mapped and what the files of that export.
    # @return [Guess]
    def allocator
      @allocator ||= Guess.of(self)
    end

    # What is mapped, by every name under which a linker may have found it: an allocator's library mostly is a link.
    # @return [Array<String>]
    def loaded_names
      maps.objects.flat_map { |path| Guess.named_by(path) ? [path, *links_to(path)] : [path] }
    end

    # The path by which this process can open a file of that one, which may live in a container.
    def reach(path)
      seen = "#{folder}/root#{path}"
      File.exist?(seen) ? seen : path
    end

    # Its folder in /proc.
    def folder = "/proc/#{pid}"

    # The path of its program, in its own root; nil where that may not be seen.
    # @return [String, nil]
    def executable
      Formats.utf8(File.readlink("#{folder}/exe")).delete_suffix(Maps::DELETED)
    rescue SystemCallError
      nil
    end

    # The beginning of a text file in its root; "" where there is none, or where it is no regular file.
    # @return [String] bytes
    def read_root(path, bytes)
      path = "#{folder}/root#{path}"
      return "" unless File.lstat(path).file?
      File.open(path, File::RDONLY | File::NONBLOCK | File::NOFOLLOW) { |file| file.stat.file? ? file.read(bytes).to_s : "" }
    rescue SystemCallError
      ""
    end

    def to_h
      {pid: pid, command: command, rss: rss, pss: pss, uss: uss, swap: swap, allocator: allocator.to_h}
    end

    def inspect
      "#<AllocStats::OtherProcess #{pid} rss=#{rss.inspect} pss=#{pss.inspect} uss=#{uss.inspect} swap=#{swap.inspect}>"
    end

    private

    def read(file) = looking { @files.read(file) }

    def looking
      yield
    rescue Errno::ENOENT, Errno::ESRCH
      raise gone
    rescue Errno::EACCES, Errno::EPERM
      raise not_permitted
    end

    def links_to(path)
      Dir.glob("#{reach(File.dirname(path))}/lib*malloc*").select { |link| File.symlink?(link) && File.identical?(link, reach(path)) }
        .map { |link| File.join(File.dirname(path), File.basename(link)) }
    end

    def start_time
      stat = looking { @files.stat }
      raise Gone, "process #{pid} has ended, and its parent has not asked for it yet" if STATES_OF_THE_DEAD.include?(stat.state)
      stat.start_time
    end

    def demand_same
      raise gone unless alive?
    end

    def refuse(reading)
      raise not_permitted if [Errno::EACCES::Errno, Errno::EPERM::Errno].include?(reading[:error])
      raise gone unless alive?
      raise Gone, "process #{pid} is the kernel's own and has no memory of that kind" if reading[:error] == Errno::ESRCH::Errno || reading[:status] == :malformed
      raise Error, Procfs::Reason.of("#{folder}/smaps_rollup", reading)
    end

    def gone = Gone.new("there is no process #{pid}")

    def not_permitted
      NotPermitted.new("process #{pid} may not be looked at by this user: it is another user's, or is protected")
    end
  end
end
