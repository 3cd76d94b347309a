# frozen_string_literal: true

require "fileutils"
require "support/broken_text"

# Every text that is taken apart, as it could be one day: what the running allocator says of itself, what the kernel
# says of this process and its control group, and what an environment asks for. Whatever it is, the public methods
# answer, with nil for what it does not say, or raise an error of ours; and what they answer are figures.
class TextsFuzz < Fuzzing::Target
  Call = Struct.new(:name, :text) do
    def inspect = "#{name} with #{text.inspect[0, 300]}"
  end

  # An answer that is none: below zero, or no number.
  class Nonsense < StandardError; end

  FIXTURES = File.expand_path("../fixtures", __dir__)
  TREES = %w[container_v2 host_v1].freeze
  # What a made tree does not hold, as this machine has it.
  OF_PROCESS = %w[stat status environ maps comm].freeze

  # name => the variable's text. It is judged under every allocator: most are then another one's.
  ENVIRONMENT = {
    "MALLOC_CONF" => "background_thread:true,dirty_decay_ms:1000,narenas:2,lg_tcache_max:13,stats_print:true,bin_shards:1-2:3|160-320:4",
    "GLIBC_TUNABLES" => "glibc.malloc.arena_max=2:glibc.malloc.tcache_count=7:glibc.malloc.check=3:glibc.rtld.nns=4",
    "MALLOC_ARENA_MAX" => "2", "MALLOC_TRIM_THRESHOLD_" => "131072", "MALLOC_PERTURB_" => "85",
    "MIMALLOC_PURGE_DELAY" => "10", "MIMALLOC_ARENA_RESERVE" => "1GiB", "mimalloc_show_errors" => "on", "MIMALLOC_RESET_DELAY" => "100",
    "TCMALLOC_RELEASE_RATE" => "1.5", "TCMALLOC_MAX_TOTAL_THREAD_CACHE_BYTES" => "33554432", "TCMALLOC_AGGRESSIVE_DECOMMIT" => "t",
    "LD_PRELOAD" => "/usr/lib/libjemalloc.so.2:libmimalloc.so.2 libtcmalloc_minimal.so.4"
  }.freeze

  # Most of what is broken is nil, not an error.
  def self.errors = 0

  def initialize
    super
    @texts = accounts.merge(trees).merge(processes).merge(environments).merge(libraries)
    @names = @texts.keys
  end

  def attempt(random)
    name = @names.sample(random: random)
    Call.new(name, BrokenText.of(@texts[name].first, random))
  end

  def perform(call)
    answer = @texts[call.name].last.call(call.text)
    demand_figures(answer)
    AllocStats::Formats::Json.generate({answer: answer})
    false
  end

  def settings = {}

  private

  # What the running allocator says, given to the methods that ask for it.
  def accounts
    format, text, = AllocStats::Allocators.stats_dump
    asked = {census: -> { AllocStats.census.to_h }, ledger: -> { AllocStats.ledger(census: true).to_h }}
    asked.update({malloc_info: {malloc_info: -> { AllocStats.malloc_info }}, jemalloc_json: {malloc_stats: -> { AllocStats.malloc_stats && nil }}}[format] || {})
    asked[:mi_stats] = -> { AllocStats.mi_stats } if %i[mimalloc_json mimalloc_text].include?(format)
    given = nil
    AllocStats::Allocators.define_singleton_method(:stats_dump) { [format, given, 0.1] }
    asked.to_h { |name, method| [name, [text, ->(broken) { (given = broken) && method.call }]] }
  rescue AllocStats::Unsupported
    {}
  end

  # Each file of a made tree in turn is broken, and all that is read of the tree is read.
  def trees
    TREES.each_with_object({}) do |tree, texts|
      folder = File.join(Dir.pwd, tree)
      FileUtils.cp_r(File.join(FIXTURES, tree), folder)
      Dir.glob("**/*", base: folder).select { |file| File.file?(File.join(folder, file)) }.each do |file|
        texts["#{tree}/#{file}"] = [File.read(File.join(folder, file)), ->(broken) { with_file(File.join(folder, file), broken) { read_tree(folder) } }]
      end
    end
  end

  def with_file(path, text)
    before = File.binread(path)
    File.binwrite(path, text)
    yield
  ensure
    File.binwrite(path, before)
  end

  def read_tree(root)
    memory = AllocStats::ProcessMemory.read(root: root)
    [memory.to_h, AllocStats::Cgroup.read(root: root).to_h, AllocStats::Diagnosis::Processors.new(root: root).to_h]
  end

  # A made /proc with one process in it.
  def processes
    folder = File.join(Dir.pwd, "proc", "4711")
    FileUtils.mkdir_p(File.join(folder, "task", "4711"))
    texts = OF_PROCESS.to_h { |file| [file, File.binread("/proc/self/#{file}")] }
    texts["environ"] = ENVIRONMENT.map { |pair| "#{pair.join("=")}\0" }.join.b
    texts.each { |file, text| File.binwrite(File.join(folder, file), text) }
    texts.to_h { |file, text| ["proc/4711/#{file}", [text, ->(broken) { with_file(File.join(folder, file), broken) { read_process(folder) } }]] }
  end

  def read_process(path)
    folder = AllocStats::Procfs::Folder.new(path)
    stat = folder.stat
    maps = AllocStats::OtherProcess::Maps.new(folder.read("maps"))
    start = AllocStats::Procfs::StartEnvironment.new(4711, root: File.dirname(path))
    AllocStats::Procfs::Preloads.new(loaded: maps.objects, environment: start).requests
    AllocStats::Allocators::Glibc::Tunables.new(start).to_h
    start.ancestors
    [folder.peak, folder.status, folder.name, folder.thread_names.values, stat.forked?, stat.state, maps.arena_heaps, AllocStats::Settings.read(start).to_h[:certain]]
    [folder.peak, folder.name, maps.arena_heaps]
  end

  def environments
    ENVIRONMENT.to_h do |variable, text|
      ["#{variable}=", [text, lambda { |broken|
        held = broken.b.delete("\0") # as a variable can hold it
        AllocStats::Allocators::Glibc::Tunables.new({variable => held}).to_h
        AllocStats::Settings.read({variable => held}).to_h
        nil
      }]]
    end
  end

  # Of the extension's own file, as much as its tables take.
  def libraries
    library = $LOADED_FEATURES.grep(%r{allocstats/allocstats\.so\z}).first
    path = File.join(Dir.pwd, "broken.so")
    {library => [File.binread(library, 8192), lambda { |broken|
      File.binwrite(path, broken)
      file = AllocStats::Procfs::ElfFile.new(path)
      [file.refusal, file.libc].map(&:to_s)
    }]}
  end

  def demand_figures(answer)
    case answer
    when Hash then answer.each { |pair| pair.each { |part| demand_figures(part) } }
    when Array then answer.each { |part| demand_figures(part) }
    when Integer then raise Nonsense, "the answer has #{answer} in it" if answer.negative?
    when Float then raise Nonsense, "the answer has #{answer} in it" unless answer.finite? && answer >= 0
    end
  end
end
