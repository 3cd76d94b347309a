# frozen_string_literal: true

module AllocStats
  # Which malloc runs this process, proven: the object that owns malloc and its kin in the linker's search order, the
  # allocator's own functions found in that very object, and one block that Ruby took and the allocator knew for its own.
  #
  # - `name` (Symbol) :glibc, :jemalloc, :mimalloc, :tcmalloc, :musl or :unknown
  # - `version` (String or nil) as the allocator itself answers
  # - `linkage` (Symbol) how it came to own malloc: :preloaded, :linked (a library the program depends on), :static (in
  #   the executable) or :libc (nobody replaced the C library's)
  # - `path` (String or nil) the file that owns malloc
  # - `functions` (Hash) the owner's path of malloc, calloc, ... ; nil where the process has no such function
  # - `verdict` (Symbol) one of VERDICTS, the weightiest that holds
  # - `evidence` (Array<String>) what was seen, one sentence each
  class Allocator
    VERDICTS = {
      sole: "one allocator owns all of malloc",
      mapped_unused: "one allocator owns all of malloc, and another one is loaded and not used",
      preload_ineffective: "an allocator was asked for by preload and does not run this process",
      mixed: "the functions of malloc belong to different allocators",
      unknown: "malloc belongs to an object that allocstats does not know"
    }.freeze

    attr_reader :name, :version, :linkage, :path, :functions, :verdict, :evidence

    # Of the process as it is now. Proven once, in some hundred microseconds, and kept for the life of the process and of
    # those that are forked from it: whose malloc is, is settled when a process starts. The linker binds malloc's names to
    # the first object in its search order that defines them, and what is loaded later stands behind those, with
    # RTLD_GLOBAL too. What it does change is what else is there, and with that the verdict; so the list of loaded objects
    # is compared, in some ten microseconds, and when it is another one everything is looked at again.
    def self.detect
      now = [loaded_objects, ENV["LD_PRELOAD"]]
      seen, allocator = @kept
      return allocator if seen == now
      prove.tap { |found| @kept = Ractor.make_shareable([now, found]) }
    rescue Ractor::IsolationError # one of those keeps nothing
      prove
    end

    def self.prove
      new(
        name: Allocators.bound_name, version: Allocators.bound_version, ownership: readable(ownership), proof: proof,
        capabilities: Allocators.capabilities.fetch(Allocators.bound_name),
        preload: Procfs::Preloads.new(loaded: loaded_objects, secure: Allocators.secure_execution?)
      )
    end

    # The one of this name, of which somebody says that it should run.
    # @param name [Symbol, String, nil]
    # @return [Symbol, nil] nil for nil
    # @raise [UnknownName]
    def self.named(name)
      return if name.nil?
      names = Allocators.known - [:unknown]
      names.find { |each| each.name == name.to_s } or raise UnknownName.among("allocator", name, names)
    end

    # A path is bytes, and need not be text in this locale.
    def self.readable(ownership)
      ownership[:objects].each { |object| object[:path] = object[:path].scrub }
      ownership
    end
    private_class_method :prove, :readable

    def initialize(name:, version:, ownership:, proof:, capabilities:, preload:)
      @name = name
      @version = version.freeze
      @objects = ownership.fetch(:objects)
      @functions = ownership.fetch(:functions).transform_values { |index| index && @objects[index][:path].freeze }.freeze
      @owner = ownership[:functions][:malloc]&.then { |index| @objects[index] }
      @path = @owner && @owner[:path]
      @proof = proof
      @capabilities = capabilities.freeze
      @preload = preload
      @linkage = find_linkage
      @verdict = find_verdict
      @evidence = collect_evidence.freeze
      freeze
    end

    # Whether the running allocator can do this: :sample (figures of its own), :census, ...
    def supports?(capability)
      @capabilities.include?(capability)
    end

    attr_reader :capabilities

    # The verdict as a sentence with names in it.
    def verdict_sentence
      case verdict
      when :sole then "#{title} owns all of malloc (#{linkage_words})."
      when :mapped_unused then "#{title} owns all of malloc (#{linkage_words}); #{list(unused.map { |object| object[:path] })} is loaded and not used."
      when :preload_ineffective then "#{title} owns all of malloc, although #{list(@preload.failed.map(&:entry))} was asked for by preload."
      when :mixed then "malloc is mixed: #{owners.map { |path, names| "#{path} owns #{list(names)}" }.join("; ")}."
      when :unknown then "malloc belongs to #{path || "an object that could not be found"}, which allocstats does not know."
      end
    end

    # The same: `puts AllocStats.allocator`.
    def to_s = verdict_sentence

    def to_h
      {
        name: name, version: version, linkage: linkage, path: path, verdict: verdict,
        verdict_sentence: verdict_sentence, evidence: evidence, functions: functions, capabilities: capabilities
      }
    end

    def inspect
      "#<AllocStats::Allocator #{verdict_sentence}>"
    end

    # "jemalloc 5.3.0"
    def title
      [name, version].compact.join(" ")
    end

    private

    def find_linkage
      return unless @owner
      return :static if @owner[:main_program]
      return :libc if @owner[:libc]
      @preload.brought?(path) ? :preloaded : :linked
    end

    def linkage_words
      {preloaded: "preloaded, #{path}", linked: "linked, #{path}", static: "in the executable, #{path}", libc: "the C library's own, #{path}"}[linkage] || "unknown"
    end

    def find_verdict
      return :mixed if owners.size > 1
      return :unknown if name == :unknown || @proof == :refuted
      return :preload_ineffective if @preload.failed.any?
      return :mapped_unused if unused.any?
      :sole
    end

    # path => names of the functions it owns
    def owners
      functions.compact.group_by(&:last).transform_values { |pairs| pairs.map(&:first) }
    end

    # Loaded objects that carry an allocator and own nothing. The C library carries one by nature.
    def unused
      @objects.reject { |object| object[:libc] || functions.value?(object[:path]) }
    end

    def collect_evidence
      owner_evidence + [proof_evidence] + unused_evidence + preload_evidence
    end

    def owner_evidence
      absent = functions.select { |_, path| path.nil? }.keys
      owners.map { |path, names| "#{path} owns #{list(names)}" } +
        (absent.empty? ? [] : ["this process has no #{list(absent)}"])
    end

    def proof_evidence
      case @proof
      when :confirmed then "a block that Ruby took came out of this #{name}"
      when :refuted then "a block that Ruby took did not come out of this #{name}"
      else "#{name} has no cheap way to tell whether a block is its own"
      end
    end

    def unused_evidence
      unused.map { |object| "#{object[:path]} carries #{list(object[:carries])} and owns none of these functions" }
    end

    def preload_evidence
      @preload.requests.map do |request|
        where = {environment: "LD_PRELOAD", file: Procfs::Preloads::SYSTEM_WIDE, ancestor: "an ancestor's LD_PRELOAD"}.fetch(request.source)
        if request.loaded then "#{where} names #{request.entry}, and it is loaded"
        else
          "#{where} names #{request.entry}, and it is not loaded: #{request.reason}"
        end
      end
    end

    def list(names) = Formats.listed(names)
  end
end
