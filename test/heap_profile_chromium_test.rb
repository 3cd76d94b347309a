# frozen_string_literal: true

require "test_helper"
require "support/browser"
require "tmpdir"

# The flame graph in a real Chromium, from a file, under its own Content-Security-Policy.
class HeapProfileChromiumTest < Minitest::Test
  Profile = AllocStats::HeapProfile
  MEGABYTE = 1 << 20

  def setup
    skip Browser.missing if Browser.missing
  end

  def kept_strings(count) = Array.new(count) { "x" * MEGABYTE }

  # So that what is found is never all: some hundred KiB from another line, by another method.
  def others = Array.new(3) { String.new(capacity: 100_000) }

  def visit(**options)
    Profile.start(interval: 1024)
    one = kept_strings(4)
    before = Profile.snapshot
    two = kept_strings(6)
    rest = others
    one.each(&:clear)
    snapshot = Profile.stop
    Dir.mktmpdir("allocstats-flames") do |folder|
      File.write("#{folder}/heap.html", snapshot.to_html(before: options[:compared] ? before : nil))
      Browser.page("file://#{folder}/heap.html") { |page| yield page, snapshot }
    end
    assert_equal 13, one.size + two.size + rest.size
  end

  def text(page, id) = page.evaluate("document.getElementById(#{id.dump}).textContent")

  def change(page, id, assignment, event)
    page.execute("const field = document.getElementById(#{id.dump}); field.#{assignment}; field.dispatchEvent(new Event(#{event.dump}))")
  end

  def pixels(page) = page.evaluate("document.getElementById('graph').toDataURL()")

  def test_nothing_is_complained_of_and_something_is_drawn
    visit do |page, snapshot|
      assert_empty page.console
      assert_match(/\Aall · 6\.\d MiB \(100\.0 %\)/, text(page, "about"))
      assert_operator page.evaluate("document.getElementById('graph').height"), :>, 100
      drawn = page.evaluate("(() => { const c = document.getElementById('graph'); return Array.from(c.getContext('2d').getImageData(5, 5, 1, 1).data) })()")
      assert_equal 255, drawn[3]
      assert_equal snapshot.top(20).size, page.evaluate("document.querySelectorAll('tbody tr').length")
    end
  end

  def test_search_live_against_total_and_inside_out
    visit do |page, _|
      plain = pixels(page)
      change(page, "search", "value = 'kept_strings'", "input")
      assert_match(/\A6\.0 MiB \(9\d\.\d %\) below what is found\z/, text(page, "found"))
      refute_equal plain, pixels(page)
      page.execute("document.getElementById('reset').click()")
      assert_equal ["", plain], [text(page, "found"), pixels(page)]
      change(page, "which", "value = '1'", "change")
      assert_match(/\Aall · 1\d\.\d MiB/, text(page, "about"))
      change(page, "invert", "checked = true", "change")
      change(page, "search", "value = 'String#*'", "input")
      assert_match(/\A10\.0 MiB/, text(page, "found"))
      assert_empty page.console
    end
  end

  def test_zoom_by_mouse_and_by_keys
    visit do |page, _|
      key = ->(name) { page.execute("document.getElementById('graph').dispatchEvent(new KeyboardEvent('keydown', {key: #{name.dump}}))") }
      2.times { key.call("ArrowDown") }
      refute_match(/\Aall/, text(page, "about"))
      key.call("Home")
      assert_match(/\Aall/, text(page, "about"))
      page.execute("const g = document.getElementById('graph'), p = g.getBoundingClientRect(); g.dispatchEvent(new MouseEvent('click', {clientX: p.left + 10, clientY: p.top + 18 * 2 + 5}))")
      refute_match(/\Aall/, text(page, "about"))
      assert_empty page.console
    end
  end

  def test_two_snapshots
    visit(compared: true) do |page, _|
      assert_match(/\+\d\.\d MiB since before\z/, text(page, "about"))
      assert_match(/Red has grown/, page.evaluate("document.body.textContent"))
      assert_empty page.console
    end
  end
end
