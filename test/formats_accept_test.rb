# frozen_string_literal: true

require "test_helper"

class FormatsAcceptTest < Minitest::Test
  def quality(header, type = "text/plain", parameters = {"version" => "0.0.4"})
    AllocStats::Formats::Accept.new(header).quality(type, parameters)
  end

  def test_no_header_takes_everything
    assert_equal [1.0, 1.0, 1.0], [nil, "", "  "].map { |header| quality(header) }
  end

  def test_what_is_not_named_is_not_taken
    assert_equal 0.0, quality("image/png")
    assert_equal 0.0, quality("text/html, application/json;q=0.5")
  end

  def test_the_most_exact_range_decides_wherever_it_stands
    header = "text/*;q=0.3, */*;q=0.1, text/plain;q=0.7, text/plain;version=0.0.4;q=0.4"
    assert_equal 0.4, quality(header)
    assert_equal 0.7, quality(header, "text/plain", "version" => "1.0.0")
    assert_equal 0.3, quality(header, "text/html")
    assert_equal 0.1, quality(header, "application/json")
    assert_equal 0.0, quality("text/plain;q=0, */*")
  end

  def test_parameters_that_we_do_not_know_do_not_matter
    assert_equal 0.6, quality("text/plain;charset=utf-8;version=0.0.4;escaping=allow-utf-8;q=0.6")
    assert_equal 1.0, quality('text/plain; version="0.0.4"')
    assert_equal 0.0, quality("text/plain;version=1.0.0")
  end

  def test_case_and_blanks_do_not_matter
    assert_equal 0.5, quality("  TEXT/Plain ;Version=0.0.4;  Q=0.5 ")
  end

  def test_commas_and_semicolons_within_quotes_are_text
    assert_equal 0.5, quality('image/png;note="a, text/plain;q=0.9", text/plain;q=0.5')
  end

  def test_ranges_that_are_none_are_left_out
    ["text/plain;q=2", "text/plain;q=-1", "text/plain;q=abc", "text/plain;q=0.1234", "text", "/", "text/plain;;", "text/plain x"].each do |range|
      assert_equal 0.2, quality("#{range}, */*;q=0.2"), range
      assert_equal 1.0, quality(range), range
    end
  end

  def test_no_header_raises_or_takes_long
    hostile = ["\xFF\xFE", "\0", ",,,,", "\"" * 60_000, "a/b;c=\"" + "\\" * 60_000, "text/plain," * 60_000, ";" * 60_000, "a/b" + ";a=b" * 60_000]
    begun = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    hostile.each { |header| assert_kind_of Float, quality(header) }
    assert_operator Process.clock_gettime(Process::CLOCK_MONOTONIC) - begun, :<, 5
  end
end
