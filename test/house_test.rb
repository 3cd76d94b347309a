# frozen_string_literal: true

require "test_helper"
require "fileutils"
require "support/house"
require "tmpdir"

# The house is built as ARCHITECTURE.md draws it: arrows point down, none closes a circle, constants lie where their
# names say, and only faces call the facade.
class HouseTest < Minitest::Test
  # What is not so yet. It may only become shorter: an entry that is no longer seen fails, too.
  STILL = <<~LIST.lines(chomp: true).freeze
    calls the facade: allocstats/diagnosis/limits.rb: supported?
    calls the facade: allocstats/formats/text.rb: figures
    calls the facade: allocstats/heap_profile/preload.rb: supported?
    calls the facade: allocstats/purge/run.rb: sample
    crowded: lib/allocstats has more than 32 files
    upward: ownership.c includes allocator.h (facts to allocators)
  LIST

  def test_what_is_not_as_it_is_drawn
    seen = House.violations.to_h { |violation| [violation.to_s, violation] }
    assert_empty seen.except(*STILL).values.map(&:told), "see `rake house`"
    assert_empty STILL - seen.keys, "these are mended: take them off the list"
  end

  def test_the_figures
    figures = House.figures
    assert_operator figures.fetch("classes and modules"), :>, 100
    assert_operator figures.fetch("files of C"), :>, 50
  end

  # That it sees what it is for.

  FACE = {"lib/allocstats/command.rb" => "module AllocStats; module Command; PURGE = Purge; AllocStats.purge; end; end"}.freeze

  def test_arrows_that_point_down_are_well
    assert_empty seen(FACE, "lib/allocstats/purge.rb" => "module AllocStats\nclass Purge\nCLOCK = Clock.now\nend\nend", "lib/allocstats/clock.rb" => "module AllocStats\nmodule Clock\nend\nend")
  end

  def test_an_arrow_that_points_up_has_its_two_lines
    violations = found("lib/allocstats/clock.rb" => "module AllocStats\n  module Clock\n    X = Rack::Page\n  end\nend", "lib/allocstats/rack.rb" => "module AllocStats\n  module Rack\n  end\nend", "lib/allocstats/rack/page.rb" => "module AllocStats\n  module Rack\n    class Page\n    end\n  end\nend")
    assert_equal ["upward: allocstats/clock.rb names AllocStats::Rack::Page (ground to faces)"], violations.map(&:to_s)
    assert_equal ["lib/allocstats/clock.rb:3", "lib/allocstats/rack/page.rb:3"], violations.first.lines
  end

  def test_a_circle
    assert_equal ["circle: census - ledger"], seen(
      "lib/allocstats/census.rb" => "module AllocStats\n  class Census\n    X = Ledger\n  end\nend", "lib/allocstats/ledger.rb" => "module AllocStats\n  class Ledger < Census\n  end\nend"
    )
  end

  def test_a_constant_in_anothers_file_and_a_room_without_a_layer
    assert_equal ["misplaced: AllocStats::Ledger in allocstats/census.rb", "no layer: cellar"], seen(
      "lib/allocstats/census.rb" => "module AllocStats\n  class Census\n    class Row\n    end\n  end\n  class Ledger\n  end\nend",
      "lib/allocstats/cellar.rb" => "module AllocStats\n  module Cellar\n    X = Census::Row\n  end\nend"
    )
  end

  def test_a_room_that_calls_the_facade_back
  end

  def test_names_are_found_as_ruby_finds_them
    inner = "module AllocStats\n  class Census\n    module Rack\n    end\n    X = Rack\n    Y = ::Zlib\n    Z = Other\n  end\nend"
    assert_empty seen("lib/allocstats/census.rb" => inner, "lib/allocstats/rack.rb" => "module AllocStats\n  module Rack\n  end\nend")
    assert_equal ["upward: allocstats/census.rb names AllocStats::Rack (values to faces)"],
      seen("lib/allocstats/census.rb" => "module AllocStats\n  class Census\n    def x = [1].map { |y| y ? ::AllocStats::Rack : nil }\n  end\nend", "lib/allocstats/rack.rb" => "module AllocStats\n  module Rack\n  end\nend")
  end

  def test_too_many_at_the_root
    files = Array.new(House::MOST_AT_ROOT + 1) { |index| ["lib/allocstats/room#{index}.rb", ""] }.to_h
    assert_equal ["crowded: lib/allocstats has more than #{House::MOST_AT_ROOT} files"], seen(files)
  end

  def test_includes
    files = {"kernel/a.c" => "#include \"purge.h\"\n#include \"b.h\"\n#include <c.h>\n", "kernel/b.h" => "", "purge.h" => "  #  include \"kernel/b.h\"\n", "ruby/rb_a.c" => "#include \"purge.h\"\n"}
    assert_equal ["upward: kernel/a.c includes purge.h (kernel to verbs)"], seen(files.transform_keys { |path| "ext/allocstats/#{path}" })
  end

  def test_what_is_no_ruby
    assert_raises(RuntimeError) { seen("lib/allocstats/census.rb" => "module AllocStats; class") }
  end

  private

  def seen(*files) = found(*files).map(&:to_s)

  def found(*files)
    Dir.mktmpdir do |root|
      files.reduce(:merge).each do |path, text|
        FileUtils.mkdir_p(File.dirname("#{root}/#{path}"))
        File.write("#{root}/#{path}", text)
      end
      House.violations(root)
    end
  end
end
