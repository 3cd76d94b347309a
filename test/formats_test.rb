# frozen_string_literal: true

require "test_helper"

class FormatsTest < Minitest::Test
  Formats = AllocStats::Formats

  def json(hash) = JSON.parse(Formats::Json.generate(hash))

  def test_json_keeps_keys_order_and_null
    assert_equal({"b" => nil, "a" => 1, "c" => [nil, "x"], "d" => {"1" => true}}, json(b: nil, a: 1, c: [nil, :x], d: {1 => true}))
    assert_equal ["b", "a"], json(b: 1, a: 2).keys
  end

  def test_json_keeps_bytes_whole
    assert_equal 2**63, json(bytes: 2**63)["bytes"]
  end

  def test_json_has_null_for_a_number_that_is_none
    assert_equal [nil, nil, 0.5], json(a: [Float::NAN, Float::INFINITY, 0.5])["a"]
  end

  def test_json_has_times_in_utc
    assert_equal "2026-01-02T03:04:05.250Z", json(a: Time.new(2026, 1, 2, 4, 4, 5.25, "+01:00"))["a"]
  end

  def test_an_odd_name_does_not_cost_the_document
    names = ["/tmp/\xFF".b, "/tmp/\xFF", (+"/tmp/\xE9").force_encoding("ISO-8859-1"), (+"/tmp/\u00e9").force_encoding("US-ASCII"), "/tmp/\u00e9".b]

    assert_equal ["/tmp/\uFFFD", "/tmp/\uFFFD", "/tmp/\u00e9", "/tmp/\u00e9", "/tmp/\u00e9"], json(a: names)["a"]
    assert_equal({"\uFFFD" => 1}, json("\xFF" => 1))
  end

  def test_units_line_up
    shown = [0, 1023, 1024, 1536 * 1024, 200 << 20, 3 << 30, 5 << 40].map { |bytes| Formats::Units.bytes(bytes) }

    assert_equal ["      0 B  ", "   1023 B  ", "    1.0 KiB", "    1.5 MiB", "  200.0 MiB", "   3.00 GiB", "5120.00 GiB"], shown
    assert_equal [11], shown.map(&:length).uniq
  end

  def test_shares_line_up
    assert_equal ["  0.0 %", " 33.3 %", "100.0 %"], [0, 1, 3].map { |part| Formats::Units.percent(part, 3) }
    assert_equal " " * 7, Formats::Units.percent(1, 0)
  end

  def test_counts_have_their_thousands_apart
    assert_equal ["0", "999", "1,000", "1,234,567"], [0, 999, 1000, 1_234_567].map { |count| Formats::Units.count(count) }
  end

  def test_inline_there_is_no_column
    assert_equal ["0 B", "1.0 KiB", "5120.00 GiB"], [0, 1024, 5 << 40].map { |bytes| Formats::Units.inline_bytes(bytes) }
    assert_equal ["33.3 %", ""], [3, 0].map { |whole| Formats::Units.inline_percent(1, whole) }
  end

  def test_a_list_reads_as_a_sentence_does
    assert_equal ["", "a", "a and b", "a, b and c"], [[], [:a], %w[a b], %i[a b c]].map { |names| Formats.listed(names) }
  end

  def test_bars_are_in_proportion
    bar = Formats::Bar.new(width: 10)

    assert_equal ["", "▏", "█████", "██████████", "██████████"], [0, 0.0001, 0.5, 1, 7].map { |share| bar.draw(share) }
    assert_equal "███▎", bar.draw(0.33)
    assert_equal "█████░░░░░", bar.gauge(0.5)
  end

  def test_bars_of_ascii_are_in_proportion
    bar = Formats::Bar.new(width: 10, unicode: false)

    assert_equal ["", "#", "#####", "##########"], [0, 0.0001, 0.5, 7].map { |share| bar.draw(share) }
    assert_equal "#####.....", bar.gauge(0.5)
  end

  def test_what_comes_from_elsewhere_is_made_printable
    {
      "plain, \u00e9 \u65e5 \u{1f600}\nand a line" => "plain, \u00e9 \u65e5 \u{1f600}\nand a line",
      "\e]0;title\a\e[31m" => "?]0;title??[31m",
      "\t\r\0\x7f" => "????",
      "\u0080\u009b\u009f" => "???",
      "\u202a\u202e\u2066\u2069\u200e\u200f\u061c" => "???????",
      "\u200b\ufeff\u00ad\u2028\u2029\u{e0041}" => "??????",
      "\ue000\uffff" => "??",
      "\xff\x9b".b => "\ufffd\ufffd"
    }.each do |text, shown|
      assert_equal shown, AllocStats::Formats.printable(text), text.inspect
      assert_equal shown.tr("\n", "?"), AllocStats::Formats.line(text)
    end
    assert_equal({a?: ["b?", 1, nil, {"c" => "?"}]}, AllocStats::Formats.deeply_printable("a\e": ["b\e", 1, nil, {"c" => "\e"}]))
  end
end
