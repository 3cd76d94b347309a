# frozen_string_literal: true

# How lib and ext are built, measured afresh from the code itself: who names whom, and whether that points down. Run
# `rake house` to read it; test/house_test.rb holds it against what is still allowed.
module House
  ROOT = File.expand_path("../..", __dir__)

  # From the faces down. A room is a folder of lib/allocstats with the file of its name, or a file at the root alone; what
  # stands in one line may name each other as long as no circle comes of it. ARCHITECTURE.md draws the same.
  LAYERS = {
    faces: %w[allocstats facade eager_load command rack metrics rails railtie puma sidekiq generators preload report help],
    judgement: %w[guard diagnosis health doctor heap_profile launch history_view],
    snapshot: %w[snapshot],
    agent: %w[agent workers worker history after_fork],
    verbs: %w[purge tuning tuner settings measurement],
    values: %w[allocator sample census process_memory other_process cgroup ledger private_heap host ractors],
    allocators: %w[allocators],
    ground: %w[procfs process_folder start_environment elf_file preloads statistics clock formats errors reason loaded stub native
      version version_number measured configuration threshold shared_value]
  }.freeze

  # Those who may call the facade.
  FACES = LAYERS.fetch(:faces)

  MOST_AT_ROOT = 32

  # The family of errors is one file, and Rails looks for generators in a place of its own.
  ELSEWHERE = {"lib/allocstats/errors.rb" => /\AAllocStats::\w+\z/, "lib/generators/allocstats/install/install_generator.rb" => /\AAllocStats::Generators\b/}.freeze

  # Of ext/allocstats, likewise. A room is a folder, or a file of its root that is named here; "." is the rest of the root.
  # The exec filter is a library of its own, which knows nobody.
  C_LAYERS = {
    binding: %w[ruby allocstats.c],
    agent: %w[agent],
    verbs: %w[purge],
    allocators: %w[allocators allocator],
    facts: %w[sample ownership text heap_profile],
    kernel: %w[kernel],
    ground: %w[private_heap .],
    apart: %w[exec_filter]
  }.freeze

  # One that points up, closes a circle, lies in the wrong place or calls the facade back: what it is, and the lines that were
  # seen. `to_s` has no line numbers, so that it stays the same while the code around it moves.
  Violation = Struct.new(:kind, :what, :lines) do
    def to_s = "#{kind}: #{what}"

    def told = [to_s, *lines.map { |line| "    #{line}" }].join("\n")
  end

  autoload :Constants, "support/house/constants"
  autoload :Includes, "support/house/includes"
  autoload :Plan, "support/house/plan"
  autoload :Ruby, "support/house/ruby"

  module_function

  # @param root [String] of the checkout, or of a made one
  def violations(root = ROOT) = (Ruby.new(root).violations + Includes.new(root).violations).sort_by(&:to_s)

  # The figures, for people.
  def figures(root = ROOT)
    ruby, c = Ruby.new(root), Includes.new(root)
    {
      "classes and modules" => ruby.definitions.count(&:scope), "files of Ruby" => ruby.files.size, "files at the root of lib/allocstats" => ruby.at_root.size,
      "rooms" => ruby.rooms.size, "files of C" => c.files.size
    }.merge(violations(root).map(&:kind).tally.transform_keys { |kind| "violations: #{kind}" })
  end
end
