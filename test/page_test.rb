# frozen_string_literal: true

require "test_helper"
require "cgi/escape"

# The page as HTML, and the geometry of what it draws.
class PageTest < Minitest::Test
  Page = AllocStats::Rack::Page

  def document(**parts)
    {**AllocStats.report.to_h, settings: AllocStats.settings.to_h, workers: AllocStats.workers.to_h, history: AllocStats.history.to_h, **parts}
  end

  def page(document = self.document, base: "/allocator", **options) = Page.new(document, base: base, **options).to_s

  def history(*points, interval: 10) = {interval: interval, points: points}

  def test_first_the_verdict_then_each_section_in_order
    html = page(document, change: true)

    assert_equal AllocStats.allocator.verdict_sentence, text(html[%r{<h1.*?</h1>}m])
    assert_equal %w[verdict ledger history workers limits census settings figures purge], html.scan(/<section id="(\w+)"/).flatten
  end

  FOUND = {
    target: "this process (7, puma)", allocator: "glibc 2.36", verdict: :wrong, growth: :ruby_objects, summary: "...", checked: [:swap],
    findings: [
      {name: :limit_near, severity: :wrong, summary: "The group uses <96> %.", evidence: ["150 MiB of 160"], cost: nil, remedy: "AllocStats.purge   # at once"},
      {name: :ruby_objects, severity: :warning, summary: "Objects grow.", evidence: ["objects: 1 MiB, then 40 MiB"], cost: 39 << 20, remedy: "pp ObjectSpace"}
    ],
    unseen: {retention: "no history", growing: "no history", swap: "a reason"}
  }.freeze

  def test_what_was_found_in_order_of_weight
    html = page(document(diagnosis: FOUND))
    findings = html[%r{<section id="findings".*?</section>}m]

    assert_equal ["wrong The group uses &lt;96&gt; %.", "warning Objects grow. It costs 39.0 MiB."], findings.scan(%r{<h3>(.*?)</h3>}m).flatten.map { |words| words.gsub(/<[^>]*>/, "") }
    assert_includes findings, "<li>objects: 1 MiB, then 40 MiB</li>"
    assert_includes findings, "<code>pp ObjectSpace</code>"
    assert_includes findings, "<li>growth: no history</li>"
    refute_includes findings, "Nothing was found"
  end

  def test_a_calm_line_where_nothing_was_found
    html = page(document(diagnosis: FOUND.merge(verdict: :healthy, growth: :steady, findings: [], unseen: {})))

    assert_includes html, "Nothing was found by 1 checks."
    assert_includes html, "It does not grow."
    refute_includes page, "findings-heading"
  end

  def test_names_its_files_and_other_forms_below_the_mount_point
    html = page(base: "/internal/allocator")

    %w[page.css page.js report.json report.txt metrics health census.json].each { |name| assert_includes html, %("/internal/allocator/#{name}") }
    assert_includes page(base: ""), %(href="/page.css")
    assert_includes page(base: ""), %(data-url="/")
  end

  def test_a_mount_point_stays_a_path_of_this_server
    assert_equal "/a", Page.path("/a/")
    assert_equal "", Page.path("/")
    assert_equal "", Page.path(nil)
    assert_equal "/evil.example", Page.path("//evil.example")
    assert_equal "/evil.example", Page.path("/\\//evil.example".delete("\\"))
    assert_equal "/a%20b%3F%23%22%3C%C3%BC", Page.path("/a b?#\"<ü")
    assert_equal "/already%20so", Page.path("/already%20so")
    assert_equal "/%FF", Page.path("/\xFF".b)
  end

  def test_needs_nothing_inline_and_nothing_of_others
    html = page(document(history: history([1.0, 1 << 20, 1 << 19, nil], [11.0, 1 << 20, 1 << 19, nil])), change: true, outcome: AllocStats.purge.to_h)

    assert_empty html.scan(/\sstyle=|\son\w+=|javascript:|<style|<script(?! src=)/)
    assert_empty html.scan(%r{(?:src|href|action)="(?!/allocator|#|data:image/svg)[^"]*"})
    assert_match(/default-src 'none'/, Page::HEADERS["content-security-policy"])
  end

  def test_the_files_come_with_their_types_and_no_others_do
    assert_equal "text/css; charset=utf-8", Page.asset("page.css").first
    assert_equal "text/javascript; charset=utf-8", Page.asset("page.js").first
    assert_nil Page.asset("../page.rb")
    assert_nil Page.asset("layout.html.erb")
    refute_match(%r{@import|url\((?!#)|https?://(?!www\.w3\.org)}, Page.asset("page.css").last + Page.asset("page.js").last)
  end

  def test_purging_is_offered_to_those_who_may
    refute_includes page(change: false), "<form"
    assert_includes page(change: true), %(<form id="purge-form" method="post" action="/allocator/purge#purge">)
  end

  def test_whatever_could_not_be_read_is_said_and_costs_nothing_else
    bare = {allocstats: "1", time: Time.now, process: {pid: 7}, absent: {ledger: "no smaps here"}}
    html = page(bare, change: true)

    assert_includes html, "Who owns malloc could not be found out."
    assert_includes html, "Not known: no smaps here."
    assert_includes html, "How healthy it is could not be found out."
    assert_equal AllocStats.figures.size, html.scan("not measured").size
    page(document.transform_values { nil }.merge(process: {pid: 7}))
  end

  def test_what_is_not_measured_is_never_zero
    html = page(document(sample: {rss: 5 << 20, allocated: nil, dirty: 0}))

    assert_match(%r{allocated</span>.*?not measured</span></td>}, html)
    assert_match(%r{dirty</span>.*?<data value="0">0 B</data></td>}, html)
  end

  def test_health_in_words
    checks = {"memory:resident" => [{status: :fail, output: "RSS is 95 % of 1 GiB."}], "allocator:owner" => [{status: :pass, output: "All well."}]}
    html = page(document(health: {status: :fail, checks: checks}))

    assert_includes html, "Not healthy:"
    assert_includes html, "<li>RSS is 95 % of 1 GiB.</li>"
    refute_includes html, "All well."
  end

  def test_the_day_is_drawn_where_there_is_more_than_an_hour
    points = Array.new(300) { |index| [index * 60.0, 9 << 20, 5 << 20, 2 << 20] }

    assert_equal ["hour", "day"], page(document(history: history(*points))).scan(/id="chart-(\w+)" /).flatten
    assert_equal ["hour"], page(document(history: history(*points.last(60)))).scan(/id="chart-(\w+)" /).flatten
  end

  def test_without_a_history_there_is_a_reason
    {
      history => "Sampled every 10 s; a line needs two samples, and there are none yet.",
      history([1.0, 9, 5, 2]) => "and there is one yet.",
      history(interval: nil) => "Nothing is sampled in this process",
      history([1.0, 9, 5, 2], [11.0, 9, 5, 2], interval: nil) => "Nothing is sampled in this process"
    }.each do |history, reason|
      html = page(document(history: history))
      assert_includes html, reason
      refute_includes html, "<path class"
    end
  end

  def test_a_clock_that_was_set_back_bends_no_line
    html = page(document(history: history([11.0, 4 << 20, nil, nil], [1.0, 4 << 20, nil, nil], [21.0, 4 << 20, nil, nil])))

    assert_match(/line-rss" d="M\d+ 0h0L\d+ 0L10000 0"/, html)
  end

  def test_a_purge_is_shown_before_and_after
    before = {rss: 100 << 20, allocated: 50 << 20, minor_faults: 3}
    html = page(document, change: true, outcome: {outcome: :released, released: 60 << 20, seconds: 0.0123, reason: nil, before: before, after: {**before, rss: 40 << 20, minor_faults: 9}})

    assert_includes html, "60.0 MiB were given back."
    assert_includes html, "by pid #{Process.pid}, in 12.3 ms"
    assert_match(%r{compare-after" width="40%"}, html)
    came_of = text(html[/class="outcome".*/m])
    assert_match(/rss 100\.0 MiB 40\.0 MiB − 60\.0 MiB/, came_of)
    refute_includes came_of, "minor faults"
  end

  def test_each_outcome_has_a_sentence
    figures = AllocStats.sample.to_h
    [:released, :nothing, :noop].each do |outcome|
      html = page(document, change: true, outcome: {outcome: outcome, released: 0, reason: "<because>", seconds: 0.1, before: figures, after: figures})
      assert_match(/given back|Nothing was done/, html[/class="outcome".*/m])
      assert_includes html, "&lt;because&gt;"
    end
  end

  def test_whatever_comes_of_a_purge_has_its_sentence
    [:released, :nothing, :noop, :unshared].each do |outcome|
      html = page(document, change: true, outcome: {outcome: outcome, released: 1 << 20, reason: "because", seconds: 0.1, before: {}, after: {}})

      assert_match(/<strong>[A-Z1][^<]+\.</, html, outcome.to_s)
    end
  end

  def test_a_purge_of_one_other_worker_says_whose_it_was
    answer = {index: 3, pid: 4711, outcome: "released", released: 5 << 20, reason: nil}
    html = page(document, change: true, outcome: {released: 5 << 20, complete: true, answers: [answer]})

    assert_includes html, "5.0 MiB were given back."
    assert_includes html, "by worker 3, pid 4711"
    assert_includes page(document, change: true, outcome: {released: 0, complete: false, answers: [answer.merge(outcome: "no_answer", released: nil, reason: "it is stopped")]}), "Worker 3: no answer."
  end

  def test_the_master_has_a_row_of_its_own
    workers = AllocStats.workers.to_h
    master = {**workers[:workers].first, title: "server", self: false, pid: 4242, age: 3.2, slow_age: 3.2}
    html = page(document(workers: {**workers, masters: [master]}))

    assert_match(/<tr class="master"><th scope="row">master<.*4242/, html)
    assert_includes page(document(workers: {**workers, masters: [{**master, title: "mold"}]})), %(<tr class="master"><th scope="row">mold<)
    assert_match(/3 s</, html)
  end

  def test_pss_that_is_older_than_the_rest_is_told
    workers = AllocStats.workers.to_h
    row = {**workers[:workers].first, slow_age: 40.0, figures: {rss: 1, pss: 1}}

    assert_includes page(document(workers: {**workers, workers: [row]})), "now, PSS 40 s"
  end

  def test_a_purge_of_all_has_a_row_for_each_worker
    answers = [{index: 0, pid: 11, outcome: "released", released: 3 << 20, reason: nil, seconds: 0.1}, {index: 1, pid: 12, outcome: "no_answer", released: nil, reason: "it has not answered in time", seconds: nil}]
    html = page(document, change: true, outcome: {released: 3 << 20, complete: false, answers: answers})

    assert_includes html, "3.0 MiB were given back; 1 of 2 workers answered."
    assert_match(/no answer <span class="definition">it has not answered in time/, html)
  end

  def test_odd_names_stay_text
    odd = %("><script>window.odd = 1</script><img src=x onerror=window.odd=1>' \e[31m\0 \u202E \xFF)
    html = page(strange(document(history: history([1.0, 2, 3, 4], [11.0, 2, 3, 4])), odd), base: "/#{odd}", change: true, outcome: strange(AllocStats.purge.to_h, odd))

    assert html.valid_encoding?
    refute_match(/<script>|<img|[\0\e]/, html)
    assert_includes html, "&lt;script&gt;"
  end

  def test_an_error_in_it_does_not_fill_the_log
    assert_operator Page.new(document, base: "/allocator").inspect.length, :<, 100
  end

  # Every text in it becomes another one; names and states, which are symbols, stay.
  def strange(value, odd)
    case value
    when Hash then value.transform_values { |each| strange(each, odd) }
    when Array then value.map { |each| strange(each, odd) }
    when String then odd
    else value
    end
  end

  # What remains without the tags.
  def text(html) = CGI.unescapeHTML(html.gsub(/<[^>]*>/, " ")).split.join(" ")
end

class PageChartTest < Minitest::Test
  Chart = AllocStats::Rack::Page::Chart
  Scale = AllocStats::Rack::Page::Scale
  MIB = 1 << 20

  def test_a_line_goes_from_the_left_to_the_right_and_is_cut_where_nothing_was_measured
    chart = Chart.new([[0.0, 2 * MIB, MIB], [30.0, 4 * MIB, nil], [60.0, 4 * MIB, MIB]], every: 30)

    assert_equal "M0 500h0L5000 0L10000 0", chart.path(0)
    assert_equal "M0 750h0M10000 750h0", chart.path(1)
  end

  def test_a_line_is_cut_where_no_point_was_taken
    assert_equal "M0 0h0M10000 0h0", Chart.new([[0.0, 4 * MIB], [100.0, 4 * MIB]], every: 10).path(0)
  end

  def test_many_points_are_thinned_and_peaks_stay
    points = Array.new(1800) { |index| [index * 60.0, (index == 777) ? 64 * MIB : 2 * MIB] }
    chart = Chart.new(points, every: 60)

    assert_operator chart.points.size, :<=, Chart::MOST
    assert_equal 64 * MIB, chart.points.map(&:last).max
    assert_equal 1, chart.path(0).count("M"), "what was thinned is no gap"
  end

  def test_strips_tell_all_of_it_in_order
    strips = Chart.new(Array.new(360) { |index| [index * 10.0, index] }, every: 10).strips

    assert_operator strips.size, :<=, Chart::STRIPS
    assert_equal 359, strips.last.last.last
    assert_equal strips.sort_by(&:first), strips
  end

  def test_bytes_are_marked_at_round_steps
    assert_equal [[0, "0"], [64 * MIB, "64 MiB"], [128 * MIB, "128 MiB"], [192 * MIB, "192 MiB"]], Scale.bytes(150 * MIB).marks
    assert_equal [[0, "0"], [MIB, "1 MiB"]], Scale.bytes(0).marks
    assert_equal "1.5 GiB", Scale.bytes(1500 * MIB).marks.last.last
  end

  def test_time_is_marked_backwards_at_round_steps
    assert_equal ["now", "5 min", "10 min", "15 min", "20 min", "25 min", "30 min"], Scale.ago(1800).marks.map(&:last)
    assert_equal ["now", "10 s", "20 s", "30 s", "40 s", "50 s", "1 min"], Scale.ago(60).marks.map(&:last)
    assert_equal "1 h", Scale.ago(3700).marks.last.last
    assert_equal "42 min", Scale.duration(2500)
  end
end
