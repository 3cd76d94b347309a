# frozen_string_literal: true

require "test_helper"
require "ripper"

# All that is known of an allocator is in its own rooms (lib/allocstats/allocators/<name>, ext/allocstats/allocators/<name>),
# and its name in the two lists beside: who adds one touches no other file. This reads the code of lib and ext, without its
# comments, which are for people, and finds each name, and each word of an allocator's own, that stands elsewhere.
class AllocatorNamesTest < Minitest::Test
  ROOT = File.expand_path("..", __dir__)

  # By whose they are: names, and what each calls its functions and variables.
  WORDS = {
    jemalloc: /jemalloc|mallctl|malloc_conf|malloc_stats_print|narenas|\bbackground_thread\b|bg_thd|decay_ms/i,
    mimalloc: /mimalloc|\bmi_[a-z]+/i,
    tcmalloc: /tcmalloc|gperftools|MallocExtension/i,
    glibc: /glibc|mallopt|mallinfo|malloc_info|malloc_trim|(?<![A-Z_])MALLOC_(?!CONF)[A-Z]|\barena_max\b/,
    musl: /musl/i
  }.freeze

  LISTS = %w[lib/allocstats/allocators.rb ext/allocstats/allocators.def].freeze

  # Where a name stands all the same, and why. One that stands there no more has to go from here as well.
  PRIVATE = "which allocator is linked into the extension or built with the gem, pinned in dependencies.yml: another question than which one runs"
  GOOGLES = "the format of a file that google-pprof reads, named after those who made it; no allocator"
  ALLOWED = {
    "ext/allocstats/build/c_sources.rb" => PRIVATE,
    "ext/allocstats/build/platform.rb" => "the C library that is compiled for",
    "ext/allocstats/build/private_allocator.rb" => PRIVATE,
    "ext/allocstats/build/shared_allocator.rb" => PRIVATE,
    "ext/allocstats/extconf.rb" => PRIVATE,
    "ext/allocstats/private_heap.c" => PRIVATE,
    "ext/allocstats/private_heap/jemalloc.h" => PRIVATE,
    "ext/allocstats/private_heap/mimalloc.c" => PRIVATE,
    "ext/allocstats/private_heap/mimalloc.h" => PRIVATE,
    "ext/allocstats/kernel/mapping_names.def" => "the C library's names for threads' stacks",
    "lib/allocstats/diagnosis/checks/static_tls.rb" => "a tunable of the C library's linker",
    "lib/allocstats/rack/status_document.rb" => "what a person looks for first in an environment",
    "lib/allocstats/rack/page/limits.rb" => "the same, as the page labels it",
    "lib/allocstats/heap_profile.rb" => GOOGLES,
    "lib/allocstats/heap_profile/gperftools.rb" => GOOGLES,
    "lib/allocstats/heap_profile/snapshot.rb" => GOOGLES,
    "lib/allocstats/procfs/elf_file.rb" => "the C library that a file is linked against",
    "lib/allocstats/procfs/start_environment.rb" => "the C library's tunables, which it cuts into pieces where they lie"
  }.freeze

  def files
    Dir.glob("{lib,ext,exe}/**/*.{rb,c,h,def,erb,js}", base: ROOT) + ["exe/allocstats"] - LISTS
  end

  # Without comments.
  def code(path)
    text = File.read("#{ROOT}/#{path}", encoding: "UTF-8")
    case File.extname(path)
    when ".c", ".h", ".def", ".js" then text.gsub(%r{/\*.*?\*/|(?<![:"'])//[^\n]*}m, "")
    when ".erb" then text
    else Ripper.lex(text).reject { |(_, kind, *)| %i[on_comment on_embdoc].include?(kind) }.map { |token| token[2] }.join
    end
  end

  # "lib/allocstats/allocators/glibc/mallopt.rb" => :glibc
  def room(path) = path[%r{\A(?:lib|ext)/allocstats/allocators/(\w+)[/.]}, 1]&.to_sym

  # path => the words that are of another room
  def strays
    files.to_h { |path|
      text = code(path)
      [path, WORDS.except(room(path)).values.flat_map { |word| text.scan(word) }.uniq]
    }.reject { |_, words| words.empty? }
  end

  def test_a_name_stands_in_its_own_rooms
    assert_empty strays.except(*ALLOWED.keys), "these files know an allocator that is not theirs"
  end

  def test_what_is_allowed_is_needed
    assert_empty ALLOWED.keys - strays.keys, "these files know no allocator any more: take them off the list"
  end

  def test_each_allocator_has_its_words
    assert_equal AllocStats::Allocators::LIST - [:unknown], WORDS.keys
    WORDS.each { |name, words| assert_match words, name.name }
  end

  def test_the_lists_are_of_the_same_allocators
    assert_equal AllocStats::Allocators.known, AllocStats::Allocators::LIST
  end

  def test_each_has_both_rooms
    AllocStats::Allocators::LIST.each do |name|
      assert_path_exists "#{ROOT}/lib/allocstats/allocators/#{name}.rb"
      assert_path_exists "#{ROOT}/ext/allocstats/allocators/#{name}/adapter.c"
    end
  end
end
