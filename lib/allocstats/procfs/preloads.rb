# frozen_string_literal: true

module AllocStats
  # What was asked of the dynamic linker with LD_PRELOAD or /etc/ld.so.preload, held against what it loaded. An entry of
  # either proves nothing; that it is among the loaded objects does (ld.so(8)).
  class Procfs::Preloads
    # One library that was asked for. `source` is where (:environment, :file or :ancestor), `loaded` the linker's name
    # of the object it became or nil, and `reason` a sentence for why it did not.
    Request = Struct.new(:entry, :source, :loaded, :reason, keyword_init: true) do
      # Only names and loaded objects can tell whether a library is an allocator; of one that is missing, the name alone.
      def allocator?
        File.basename(entry).match?(/malloc|hoard|scudo/i)
      end
    end

    SYSTEM_WIDE = "/etc/ld.so.preload"
    SEPARATORS = /[\s:]+/

    # `loaded` are the linker's names in search order; the rest is read from the process unless given.
    def initialize(loaded:, secure: false, environment: Procfs::StartEnvironment.new, system_wide: Procfs::Preloads.read_system_wide)
      @loaded = loaded
      @secure = secure
      @environment = environment
      @system_wide = system_wide
    end

    # Whether this loaded object came by a preload rather than by being linked.
    def brought?(path)
      requests.any? { |request| request.loaded && Procfs::Preloads.same_file?(request.loaded, path) }
    end

    # Every library asked for, in the order the linker takes them, then what ancestors were started with and this
    # process was not.
    def requests
      @requests ||= listed(:environment, started_with) + listed(:file, @system_wide) + overwritten
    end

    # Allocators that were asked for and not loaded.
    def failed
      requests.select { |request| request.allocator? && !request.loaded }
    end

    def self.read_system_wide
      File.read(SYSTEM_WIDE)
    rescue SystemCallError
      ""
    end

    def self.same_file?(one, other)
      one == other || File.identical?(one, other)
    rescue ArgumentError # a NUL in a name that came from the environment
      false
    end

    private

    def started_with
      @environment["LD_PRELOAD"] || (ENV["LD_PRELOAD"] if @environment.pid == Process.pid)
    end

    # Environments are bytes: what is no text in this locale is shown with marks in its place, and names nothing loaded.
    def entries(list)
      list.to_s.dup.force_encoding(Encoding.find("filesystem")).scrub.split(SEPARATORS).reject(&:empty?)
    end

    def listed(source, list)
      entries(list).map do |entry|
        object = find_loaded(entry)
        Request.new(entry: entry, source: source, loaded: object, reason: object ? nil : reason_for(entry))
      end
    end

    # The linker names an object as it was asked for, with its search path's folder before a name without a slash.
    def find_loaded(entry)
      @loaded.find do |name|
        next if name.empty?
        entry.include?("/") ? Procfs::Preloads.same_file?(name, entry) : File.basename(name) == entry
      end
    end

    def reason_for(entry)
      return "this process gained rights when it was started, for which the linker drops LD_PRELOAD" if @secure
      return "the environment was changed after the process had started" if changed_later?(entry)
      return "the linker found no library of this name in its search path" unless entry.include?("/")
      Procfs::ElfFile.new(entry).refusal || "the linker did not load it, for a reason it printed when the process started"
    end

    # ENV holds it and the start did not: somebody wrote it inside the running process.
    def changed_later?(entry)
      @environment.readable? && !entries(@environment["LD_PRELOAD"]).include?(entry)
    end

    # What an ancestor asked for and this process never got to see: a wrapper wrote over the variable or dropped it.
    def overwritten
      mine = entries(started_with)
      @environment.ancestors.flat_map { |ancestor|
        (entries(ancestor["LD_PRELOAD"]) - mine).map do |entry|
          Request.new(entry: entry, source: :ancestor, loaded: nil,
            reason: "process #{ancestor.pid}, an ancestor, was started with it; LD_PRELOAD was overwritten or dropped on the way here")
        end
      }.uniq(&:entry)
    end
  end
end
