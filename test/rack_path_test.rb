# frozen_string_literal: true

require "test_helper"

class RackPathTest < Minitest::Test
  def escape(path) = AllocStats::Rack::Path.escape(path)

  def test_what_a_path_may_hold_stays
    plain = "/a-b_c.d~e!$&'()*+,;=:@/0Z"
    assert_equal plain, escape(plain)
    assert_equal "", escape("")
  end

  def test_what_it_may_not_hold_is_escaped
    assert_equal "/a%20b%3F%23%22%3C%C3%BC%0A", escape("/a b?#\"<ü\n")
  end

  def test_what_is_escaped_already_stays
    assert_equal "/gr%C3%B6%C3%9Fe", escape(escape("/größe"))
  end

  def test_bytes_in_any_encoding
    assert_equal "/%FF", escape("/\xFF".b)
    assert_equal "/%FF", escape("/\xFF")
    assert_equal "/%F6", escape("/ö".encode(Encoding::ISO_8859_1))
    assert_equal Encoding::UTF_8, escape("/\xFF".b).encoding
  end
end
