# frozen_string_literal: true

require "test_helper"

class LoadedTest < Minitest::Test
  # Stands around what is looked for.
  module Around
    VERSION = "1.2"
    NOTHING = nil
    autoload :Later, "allocstats/no_such_file"
  end

  def loaded(path) = AllocStats::Loaded.constant(path)

  def test_what_is_there
    assert_same Around, loaded("LoadedTest::Around")
    assert_equal "1.2", loaded("LoadedTest::Around::VERSION")
    assert_nil loaded("LoadedTest::Around::NOTHING")
  end

  def test_what_is_not
    assert_nil loaded("NoSuchModule")
    assert_nil loaded("NoSuchModule::VERSION")
    assert_nil loaded("LoadedTest::Around::MISSING")
  end

  def test_what_the_top_level_has_is_not_what_a_module_has
    assert_nil loaded("LoadedTest::Around::String")
  end

  def test_what_would_be_loaded_is_not_there
    assert_nil loaded("LoadedTest::Around::Later")
    assert_nil loaded("LoadedTest::Around::Later::VERSION")
    assert_equal "allocstats/no_such_file", Around.autoload?(:Later)
  end
end
