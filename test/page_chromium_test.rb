# frozen_string_literal: true

require "test_helper"
require "support/browser"
require "support/puma_server"

# The page as people have it: served by the endpoint of a real Puma cluster under jemalloc, in a real Chromium.
class PageChromiumTest < Minitest::Test
  JEMALLOC = TestAllocators["jemalloc"]

  # What dirty pages there are stays until somebody purges. /litter makes some, in the worker that answers.
  ENVIRONMENT = {"MALLOC_CONF" => "dirty_decay_ms:-1,muzzy_decay_ms:-1,narenas:2,oversize_threshold:0"}.freeze
  LITTER = 48 << 20
  RACKUP = <<~RUBY
    require "allocstats"
    AllocStats.start(interval: 0.5)
    map("/allocator") { run AllocStats::Rack::Endpoint.new(environment: "test", purge_interval: 0) }
    map("/litter") do
      run ->(_) {
        Array.new(#{LITTER >> 16}) { "x" * (1 << 16) }.clear
        GC.start
        [200, {"content-type" => "text/plain"}, [Process.pid.to_s]]
      }
    end
  RUBY

  # One server for all tests of the class, until they are over.
  def self.server
    @fiber ||= Fiber.new { PumaServer.run(rackup: RACKUP, workers: 2, threads: 2, allocator: JEMALLOC, env: ENVIRONMENT) { |server| Fiber.yield server } }.tap do |fiber|
      @server = fiber.resume
      Minitest.after_run { fiber.resume }
    end
    @server
  end

  def server = self.class.server

  def setup
    skip Browser.missing if Browser.missing
    skip JEMALLOC.missing if JEMALLOC.missing
  end

  # The page once each worker has its history.
  def visit(path = "/allocator", **options)
    Browser.wait(for: "two workers with a history") do
      told = JSON.parse(server.get("/allocator/report.json").body)
      told["workers"]["workers"].count { |row| row["figures"]["pss"] } == 2 && told["history"]["points"].size > 2
    end
    Browser.page("http://127.0.0.1:#{server.port}#{path}", **options) { |page| yield page }
  end

  def texts(page, selector) = page.evaluate("[...document.querySelectorAll(#{selector.to_json})].map((each) => each.textContent.trim().replace(/\\s+/g, ' '))")

  def values(page, selector) = page.evaluate("[...document.querySelectorAll(#{selector.to_json})].map((each) => Number(each.value))")

  def press(page, selector) = page.evaluate("document.querySelector(#{selector.to_json}).click()")

  def test_the_browser_has_nothing_to_complain_of
    visit do |page|
      told = server.get("/allocator", "Accept" => "text/html")

      assert_equal AllocStats::Rack::Page::HEADERS["content-security-policy"], told["content-security-policy"]
      assert_equal 1, page.evaluate("document.styleSheets.length")
      assert_equal "rgb(253, 252, 250)", page.evaluate("getComputedStyle(document.body).backgroundColor")
      assert_equal false, page.evaluate("document.getElementById('live').hidden"), "the script has run"
      assert_empty page.console
    end
  end

  def test_the_verdict
    visit do |page|
      assert_match(/\Ajemalloc #{JEMALLOC.version} owns all of malloc \(preloaded, .+\)\.\z/, texts(page, "h1").first)
      status = page.evaluate("document.querySelector('.health').className")[/health-(\w+)/, 1]
      assert_equal [AllocStats::Rack::Page::Verdict::HEALTH.fetch(status)], texts(page, ".health")
      assert_equal status != "pass", texts(page, ".complaints li").any?
      assert_equal ["resident", "live in malloc", "kept by malloc", "counted against the limit"], texts(page, ".tiles dt")
      assert_empty texts(page, ".tiles .unknown")
    end
  end

  def test_the_parts_of_the_bar_sum_to_the_resident_set
    littered = []
    Browser.wait(for: "litter in each worker") { (workers - (littered << server.get("/litter").body)).empty? } # there is something kept
    visit do |page|
      resident = values(page, ".parts tfoot data").first
      widths = page.evaluate("[...document.querySelectorAll('.bar > .part')].map((part) => [parseFloat(part.getAttribute('x')), parseFloat(part.getAttribute('width'))])")

      assert_operator resident, :>, 10 << 20
      assert_equal resident, values(page, ".parts tbody data").sum
      assert_in_delta 100, widths.sum(&:last), 0.05
      widths.each_cons(2) { |(left, width), (following, _)| assert_in_delta left + width, following, 0.01 }
      assert_includes texts(page, ".parts .term"), "malloc kept"
      assert_equal texts(page, ".parts .term").size, page.evaluate("document.querySelectorAll('.bar > .part > title').length")
    end
  end

  def test_the_history_as_lines_and_as_numbers
    visit do |page|
      paths = page.evaluate("[...document.querySelectorAll('#chart-hour .line')].map((line) => [line.getAttribute('class'), line.getAttribute('d')])").to_h

      assert_equal ["line line-rss", "line line-live", "line line-kept"], paths.keys
      paths.each_value { |path| assert_match(/\AM[\d.]+ [\d.]+h0L[\d.]+ [\d.]+/, path) }
      assert_match(/\AOver \d+ (s|min): resident \(RSS\) between .+ MiB and .+ MiB, live in malloc between .+ and kept by malloc between .+\.\z/, texts(page, "#chart-hour-desc").first)
      assert_operator values(page, "#table-hour tbody data").min, :>, 0
      assert_equal "now", texts(page, "#chart-hour > text").first
    end
  end

  def test_the_workers_are_those_of_the_cluster
    visit do |page|
      rows = page.evaluate("[...document.querySelectorAll('.rows tbody tr')].map((row) => [...row.cells].map((cell) => cell.textContent.trim()))")

      *ours, master = rows

      assert_equal ["master", server.pid.to_s], master.first(2), "after the workers, the one that has forked them"
      assert_equal workers.sort, ours.map { |row| row[1] }.sort
      assert_equal ["0", "1"], ours.map { |row| row[0][/\d+/] }
      assert_equal 2, page.evaluate("document.querySelectorAll('.rows tbody tr:not(.master) a').length"), "who is no worker cannot be chosen"
      assert_equal 2, page.evaluate("document.querySelectorAll('.rows a').length")
      assert_equal 1, page.evaluate("document.querySelectorAll('.rows tr[aria-current=true]').length")
      rows.each { |row| assert_equal ["jemalloc #{JEMALLOC.version}", "alive"], row.last(2) }
      assert_equal values(page, ".rows tbody td:nth-child(4) data").sum, values(page, ".rows tfoot td:nth-child(3) data").first
    end
  end

  def test_settings_with_what_came_of_them
    visit do |page|
      rows = texts(page, ".settings tbody tr")

      assert_equal 4, rows.size
      assert_match(/\Adirty_decay_ms MALLOC_CONF, of jemalloc ?-1 ?-1 ?in force/, rows.first)
    end
  end

  def test_arenas_and_bins_come_when_they_are_asked_for
    visit do |page|
      assert_equal 0, page.evaluate("document.querySelectorAll('#census-answer table').length")
      press page, "#census-tables summary"
      Browser.wait { page.evaluate("document.querySelectorAll('#census-answer table').length") == 2 }

      assert_match(/\A\d+ arenas\z/, texts(page, "#census-answer caption").first)
      assert_match(/\A\d+ arenas and \d+ bins, in bytes and counts; the reading took [\d.]+ ms\.\z/, texts(page, "#told").first)
      assert_equal ["size", "in use", "capacity", "slabs"], texts(page, "#census-answer .scroll:last-child th")
      assert_empty page.console
    end
  end

  def test_refreshes_itself_and_leaves_alone_what_the_reader_does
    visit do |page|
      press page, "#evidence summary"
      page.evaluate("document.querySelector('#evidence summary').focus()")
      page.evaluate("window.heading = document.querySelector('h1')")
      before = texts(page, ".facts").first
      Browser.wait(30, for: "fresh figures") { texts(page, ".facts").first != before }

      assert page.evaluate("document.getElementById('evidence').open")
      assert page.evaluate("document.activeElement === document.querySelector('#evidence summary')")
      assert page.evaluate("window.heading === document.querySelector('h1')"), "what did not change is not told anew"
      assert_equal ["Live"], texts(page, "#live-words")
      assert_empty page.console
    end
  end

  def test_does_not_ask_while_it_is_paused_or_hidden
    visit do |page|
      page.evaluate("(() => { const ask = window.fetch; window.asked = 0; window.fetch = (...given) => { window.asked += 1; return ask(...given) } })()")
      look = -> { page.evaluate("(() => { const before = window.asked; document.dispatchEvent(new Event('visibilitychange')); return window.asked - before })()") }

      assert_equal 1, look.call
      page.evaluate("Object.defineProperty(document, 'hidden', { value: true, configurable: true })")
      assert_equal 0, look.call
      page.evaluate("Object.defineProperty(document, 'hidden', { value: false, configurable: true })")
      press page, "#live-button"
      assert_equal 0, look.call
      assert_equal ["Paused Go on"], texts(page, "#live")
      press page, "#live-button"
      assert_equal 1, look.call
    end
  end

  # Puma starts another worker in its place; the page has then to turn to one that lives.
  def test_the_worker_that_answered_is_killed
    visit do |page|
      pid = page.evaluate("document.body.dataset.pid")
      Process.kill(:KILL, Integer(pid))
      Browser.wait(40, for: "a page of the workers that live") do
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        sleep 0.2
        page.evaluate("document.body.dataset.pid") != pid && texts(page, ".rows tbody td:nth-child(2)").sort == [*workers, server.pid.to_s].sort
      end

      assert_equal ["alive", "alive"], texts(page, ".rows tbody tr:not(.master) .state")
      assert_equal ["alive"], texts(page, ".rows tbody .master .state")
      assert_equal ["Live"], texts(page, "#live-words")
    end
  end

  def test_says_when_it_is_no_longer_fresh
    visit do |page|
      page.evaluate("document.body.dataset.url = '/nowhere'; document.dispatchEvent(new Event('visibilitychange'))")

      assert_equal "Not fresh: the server answered 404", Browser.wait { texts(page, "#live-words").first[/Not.*/] }
    end
  end

  # Of a refusal, what the endpoint itself says; of a proxy's or a host's, the status.
  def test_whose_words_are_shown
    visit do |page|
      said = lambda do |status, headers|
        page.evaluate("(() => { window.fetch = async () => new Response('ask again in 3 s\\n', #{{status: status, headers: headers}.to_json}); document.getElementById('live-words').textContent = ''; document.dispatchEvent(new Event('visibilitychange')) })()")
        Browser.wait { texts(page, "#live-words").first[/Not.*/] }
      end
      plain = {"content-type" => "text/plain; charset=utf-8"}
      ours = plain.merge("retry-after" => "3")

      assert_equal ["Not fresh: ask again in 3 s"] * 2, [429, 503].map { |status| said.call(status, ours) }
      assert_equal ["Not fresh: the server answered 429", "Not fresh: the server answered 503"], [429, 503].map { |status| said.call(status, plain) }
      assert_equal "Not fresh: the server answered 502", said.call(502, ours)
      assert_equal "Not fresh: the server answered 503", said.call(503, ours.merge("content-type" => "text/html"))
    end
  end

  def test_a_purge_of_all_workers_with_before_and_after
    server.get("/litter")
    visit do |page|
      address = page.evaluate("location.href")
      press page, "#purge-form .second"
      sentence = Browser.wait { texts(page, ".outcome .sentence").first }

      assert_match(/MiB were given back; 2 of 2 workers answered\./, sentence)
      assert_operator values(page, ".outcome td data").sum, :>, LITTER / 2
      assert_equal 2, page.evaluate("document.querySelectorAll('.outcome tbody tr').length")
      assert_equal sentence, texts(page, "#told").first.sub(/ +/, " ")
      assert_equal address, page.evaluate("location.href")
      assert_equal "all", page.evaluate("document.activeElement.value")
      assert_empty page.console
    end
  end

  def test_a_purge_of_one_worker_without_javascript
    Array.new(4) { server.get("/litter") }
    visit(scripts: false) do |page|
      assert page.evaluate("document.getElementById('live').hidden")
      assert_equal 10, page.evaluate("document.querySelectorAll('section').length")
      assert_includes texts(page, "#census-answer a"), "The account as JSON"

      point = page.evaluate("(() => { const button = document.querySelector('#purge-form button'); button.scrollIntoView({ behavior: 'instant', block: 'center' }); const box = button.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2] })()")
      page.mouse.click(x: point[0], y: point[1])
      Browser.wait { page.evaluate("location.pathname") == "/allocator/purge" && texts(page, ".outcome .sentence").first }

      sentence = texts(page, ".outcome .sentence").first
      if sentence.include?("by worker") # another one than the one that answered the form
        assert_match(/given back. by worker \d+, pid \d+\z/, sentence)
        assert_operator values(page, ".outcome td data").first, :>, 0
      else
        assert_match(/given back. by pid \d+, in [\d.]+ ms\z/, sentence)
        before, after = values(page, ".compare data")
        assert_operator after, :<=, before
        assert_operator before, :>, 10 << 20
      end
      assert_equal "#purge", page.evaluate("location.hash")
      assert_empty page.console
    end
  end

  # The words along the lines' axes, as they stand on the screen: none upon another.
  def test_labels_do_not_overprint
    [360, 320, 1100].each do |width|
      visit(width: width) do |page|
        labels = page.evaluate("[...document.querySelectorAll('.plot text')].map((each) => { const box = each.getBoundingClientRect(); return [each.textContent, box.left, box.right, box.top, box.bottom] })").reject { |_, left, right| left == right }

        assert_operator labels.size, :>, 5
        labels.combination(2) do |(one, *first), (other, *second)|
          apart = first[1] <= second[0] || second[1] <= first[0] || first[3] <= second[2] || second[3] <= first[2]
          assert apart, "#{one} and #{other} at #{width} pixels"
        end
      end
    end
  end

  # Whichever worker answers, it is the chosen one that is shown.
  def test_a_worker_can_be_chosen
    visit do |page|
      other = page.evaluate("[...document.querySelectorAll('.rows tbody tr:not(.master)')].find((row) => row.getAttribute('aria-current') !== 'true').cells[1].textContent")
      press page, ".rows tbody tr:not([aria-current]) th a"
      Browser.wait(for: "the other worker's page") { page.evaluate("document.body.dataset.pid") == other }
      index = page.evaluate("location.search")[/\Aworker=|worker=(\d+)/, 1]

      3.times do
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        sleep 0.2
        assert_match(/\Aof worker #{index}, pid #{other}\z/, texts(page, "#ledger-heading .whose").first)
        assert_equal "of worker #{index}, pid #{other}", texts(page, "#history-heading .whose").first
        assert_equal other, page.evaluate("document.querySelector('.rows tr[aria-current=true]').cells[1].textContent")
      end
      assert_equal values(page, ".parts tfoot data").first, values(page, ".parts tbody data").sum
      assert_equal "Purge worker #{index}", texts(page, "#purge-form button").first
      assert_includes texts(page, "#history .remark").join, "Of pid #{other}"
      assert_operator page.evaluate("document.querySelectorAll('#chart-hour .line-rss[d*=L]').length"), :>=, 1
      assert_match(/PSS is what they take/, texts(page, "#workers .remark").join)
      assert_match(/\A(now|\d+ s)(, PSS \d+ s)?\z/, texts(page, ".rows tbody tr:not(.master) td[data-label='as of']").last)
      assert_empty page.console
    end
  end

  # What is wider than the screen scrolls by itself; the page never does.
  def test_a_telephone_never_scrolls_sideways
    [360, 320].each do |width|
      visit(width: width) do |page|
        page.evaluate("document.querySelectorAll('details').forEach((each) => (each.open = true))")
        Browser.wait { page.evaluate("document.querySelectorAll('#census-answer table').length") == 2 }
        page.evaluate("document.querySelector('#purge-form button').click()")
        Browser.wait { texts(page, ".outcome").first }

        assert_equal [width, width], page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert_empty outside(page, width), "at #{width} pixels"
        roles = page.command("Accessibility.getFullAXTree")["nodes"].map { |node| node.dig("role", "value") }.tally
        assert_operator roles.fetch("row"), :>, 30, "what is shown as cards is still a table"
        assert_operator roles.fetch("cell"), :>, 60
      end
    end
  end

  def test_contrast_is_enough_in_light_and_in_dark
    grounds = [false, true].map do |dark|
      visit(dark: dark) do |page|
        page.evaluate("document.querySelectorAll('details').forEach((each) => (each.open = true))")
        page.evaluate("document.querySelector('#purge-form button').click()")
        Browser.wait { texts(page, ".outcome").first && page.evaluate("document.querySelectorAll('#census-answer table').length") == 2 }
        pairs = page.evaluate(TEXT_COLOURS)

        assert_operator pairs.size, :>, 100
        pairs.each { |text, colour, ground, large| assert_operator contrast(colour, ground), :>=, large ? 3 : 4.5, "#{text} is #{colour} on #{ground}" }
        ground = pairs.first[2]
        page.evaluate(LINE_COLOURS).each { |what, colour| assert_operator contrast(colour, ground), :>=, 3, "#{what} is #{colour} on #{ground}" }
        page.evaluate("getComputedStyle(document.body).backgroundColor")
      end
    end

    assert_equal ["rgb(253, 252, 250)", "rgb(21, 24, 27)"], grounds
  end

  def test_a_screen_reader_finds_its_way
    visit do |page|
      page.evaluate("document.querySelectorAll('details').forEach((each) => (each.open = true))")
      nodes = page.command("Accessibility.getFullAXTree")["nodes"].reject { |node| node["ignored"] }
        .map { |node| [node.dig("role", "value"), node.dig("name", "value").to_s.strip] }
      named = ->(role) { nodes.filter_map { |each, name| name if each == role } }

      ["banner", "main", "contentinfo"].each { |landmark| assert_equal 1, named[landmark].size, landmark }
      assert_equal ["Sections"], named["navigation"]
      ["button", "link", "checkbox", "DisclosureTriangle", "table", "image", "img", "region"].each do |role|
        refute_includes named[role], "", "each #{role} has a name"
      end
      assert_operator named["button"].size, :>=, 3
      assert_equal ["collect Ruby's garbage first"], named["checkbox"]
      assert_operator named["table"].size, :>=, 5
      assert_match(/\AThe [\d.]+ MiB that are resident, by what they are for/, (named["image"] + named["img"]).first)
      assert_equal ["polite", "true"], page.evaluate("['aria-live', 'aria-atomic'].map((name) => document.getElementById('verdict-words').getAttribute(name))")
    end
  end

  def test_headings_are_in_order_and_ids_are_unique
    visit do |page|
      levels = page.evaluate("[...document.querySelectorAll('h1, h2, h3, h4')].map((each) => Number(each.tagName[1]))")
      ids = page.evaluate("[...document.querySelectorAll('[id]')].map((each) => each.id)")

      assert_equal 1, levels.first
      assert_equal 1, levels.count(1)
      levels.each_cons(2) { |above, below| assert_operator below, :<=, above + 1 }
      assert_equal ids.uniq, ids
      assert_empty page.evaluate("[...document.querySelectorAll('[aria-labelledby]')].flatMap((each) => each.getAttribute('aria-labelledby').split(' ')).filter((id) => !document.getElementById(id))")
      assert_empty page.evaluate("[...document.querySelectorAll('nav a')].filter((each) => !document.querySelector(each.hash)).map((each) => each.href)")
    end
  end

  # Here nothing protects the page but its escaping: no policy goes with it.
  def test_odd_names_do_nothing_but_stand_there
    odd = %("><script>window.odd = 1</script><img src=x onerror="window.odd=1">' \u202E&amp;)
    document = JSON.parse(server.get("/allocator/report.json").body, symbolize_names: true)
    document[:process].merge!(command: odd, malloc_conf: odd, puma: odd)
    document[:allocator].merge!(verdict_sentence: odd, evidence: [odd])
    document[:settings][:settings].each { |setting| setting.merge!(name: odd, source: odd, asked: odd, in_force: odd, reason: odd) }
    document[:workers][:workers].each { |row| row.merge!(allocator: odd, index: odd) }
    document[:absent] = {odd.to_sym => odd}
    html = AllocStats::Rack::Page.new(document, base: "/#{odd}", change: true).to_s

    Browser.page do |page|
      page.content = html
      Browser.wait { page.evaluate("document.readyState") == "complete" }

      assert_nil page.evaluate("window.odd ?? null")
      assert_equal 1, page.evaluate("document.scripts.length")
      assert_equal 0, page.evaluate("document.images.length")
      shown = odd.sub("\u202E", "?") # what would turn the words around it
      assert_equal shown, texts(page, "h1").first
      assert_includes texts(page, ".pairs dd"), shown
      assert_includes texts(page, ".settings code"), shown
      refute_includes page.evaluate("document.documentElement.outerHTML"), "\u202E"
    end
  end

  # Of each text that can be seen: what it begins with, its colour, the colour behind it, and whether it is large.
  TEXT_COLOURS = <<~JS
    (() => {
      const behind = (element) => {
        for (; element; element = element.parentElement) {
          const colour = getComputedStyle(element).backgroundColor
          if (!/, 0\\)$/.test(colour) && colour !== "transparent") return colour
        }
        return "rgb(255, 255, 255)"
      }
      const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
      const seen = []
      while (walker.nextNode()) {
        const text = walker.currentNode.data.trim()
        const element = walker.currentNode.parentElement
        if (!text || !element.checkVisibility() || element.closest("title, desc, .unseen, .skip")) continue
        const style = getComputedStyle(element)
        const size = parseFloat(style.fontSize)
        const colour = element instanceof SVGElement ? style.fill : style.color
        seen.push([text.slice(0, 40), colour, behind(element), size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700)])
      }
      return seen
    })()
  JS

  # What must be told from its ground to be understood.
  LINE_COLOURS = <<~JS
    [
      ...[...document.querySelectorAll(".chart .line")].map((each) => [each.getAttribute("class"), getComputedStyle(each).stroke]),
      ...[...document.querySelectorAll(".part-malloc_live, .part-ruby_heap_live, .gauge-used, .compare-after, .compare-before")].map((each) => [each.getAttribute("class"), getComputedStyle(each).fill])
    ]
  JS

  private

  def workers = server.children.map(&:to_s)

  # As WCAG 2 defines it.
  def contrast(one, other)
    lighter, darker = [one, other].map { |colour| luminance(colour) }.sort.reverse
    (lighter + 0.05) / (darker + 0.05)
  end

  def luminance(colour)
    red, green, blue = colour.scan(/[\d.]+/).first(3).map { |part| part.to_f / 255 }.map { |part| (part <= 0.04045) ? part / 12.92 : ((part + 0.055) / 1.055)**2.4 }
    0.2126 * red + 0.7152 * green + 0.0722 * blue
  end

  # What reaches beyond the screen without being inside of something that scrolls.
  def outside(page, width)
    page.evaluate(<<~JS)
      [...document.querySelectorAll("body *")].filter((each) => each.checkVisibility() && !each.closest(".scroll *, svg *, .unseen, .skip, thead"))
        .filter((each) => each.getBoundingClientRect().right > #{width}).map((each) => `${each.tagName} ${each.className} ${each.textContent.slice(0, 30)}`)
    JS
  end
end
