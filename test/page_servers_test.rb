# frozen_string_literal: true

require "test_helper"
require "support/browser"
require "support/puma_server"
require "support/rails_app"

# The same page where the allocator counts less, served by a single process.
class PageUnderOthersTest < Minitest::Test
  # As a browser asks for it: what is not a letter there is not one in HTML either.
  PATH = "/mal%20loc'&(%22)"
  RACKUP = <<~RUBY
    require "allocstats"
    AllocStats.start(interval: 0.5)
    use AllocStats::Rack::Middleware, path: %q(#{PATH}), environment: "test"
    run ->(_) { [404, {"content-type" => "text/plain"}, ["theirs"]] }
  RUBY

  # What is drawn of each: mimalloc and tcmalloc count what they keep in several ways, glibc nothing cheaply.
  def look(entry, title)
    skip Browser.missing if Browser.missing
    skip entry.missing if entry.missing
    PumaServer.run(rackup: RACKUP, allocator: entry) do |server|
      Browser.page("http://127.0.0.1:#{server.port}#{PATH}") do |page|
        Browser.wait(for: "a history") do
          page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
          page.evaluate("document.querySelectorAll('#chart-hour .line-rss[d*=L]').length") == 1
        end
        page.evaluate("document.querySelector('#census-tables summary').click()")
        page.evaluate("document.querySelector('#purge-form button').click()")
        Browser.wait(for: "a purge") { page.evaluate("document.querySelector('.outcome .sentence')?.textContent") }
        Browser.wait(for: "a census") { page.evaluate("document.getElementById('census-words').textContent") != "" }

        assert_equal "#{title} owns all of malloc", page.evaluate("document.querySelector('h1').firstChild.data")
        assert_equal page.evaluate("Number(document.querySelector('.parts tfoot data').value)"),
          page.evaluate("[...document.querySelectorAll('.parts tbody data')].map((each) => Number(each.value)).reduce((one, other) => one + other)")
        assert_equal 1, page.evaluate("document.querySelectorAll('.rows tbody tr').length")
        assert_empty page.console
        yield page
      end
    end
  end

  def test_under_glibc_what_is_not_counted_is_not_drawn
    entry = TestAllocators["glibc"]
    look(entry, "glibc #{entry.version}") do |page|
      assert_equal "", page.evaluate("document.querySelector('#chart-hour .line-live').getAttribute('d')")
      assert_match(/Not measured, or not cheaply: live in malloc and kept by malloc\./, page.evaluate("document.querySelector('#history .remark').textContent"))
      assert_equal ["not known", "not known"], page.evaluate("[...document.querySelectorAll('.tiles .unknown')].map((each) => each.textContent)")
    end
  end

  def test_under_mimalloc
    entry = TestAllocators["mimalloc"]
    look(entry, "mimalloc #{entry.version}") { |page| assert_equal 1, page.evaluate("document.querySelectorAll('#chart-hour .line-rss[d]').length") }
  end

  def test_under_tcmalloc
    entry = TestAllocators["tcmalloc"]
    look(entry, "tcmalloc #{entry.version}") { |page| assert_includes page.evaluate("document.querySelector('#chart-hour .line-live').getAttribute('d')"), "L" }
  end
end

# In a Rails application in production, where the token is what a browser has been told as a password.
class PageInRailsTest < Minitest::Test
  TOKEN = "a-token-that-may-change-things-0123456789"

  def test_the_page_in_production_for_who_has_the_token
    skip Browser.missing if Browser.missing
    skip RailsApp.missing if RailsApp.missing
    RailsApp.run(env: {"ALLOCSTATS_CHANGE_TOKEN" => TOKEN, "WEB_CONCURRENCY" => "2"}) do |server|
      assert_equal "401", server.get("/allocator/page.js").code
      Browser.wait(for: "two workers") do
        JSON.parse(server.get("/allocator/workers.json", "Authorization" => "Bearer #{TOKEN}").body)["workers"].size == 2
      end
      Browser.page do |page|
        page.headers.set("Authorization" => "Basic #{["anybody:#{TOKEN}"].pack("m0")}")
        page.go_to("http://127.0.0.1:#{server.port}/allocator")
        assert_match(/ owns all of malloc/, page.evaluate("document.querySelector('h1').textContent"))
        assert_equal 3, page.evaluate("document.querySelectorAll('.rows tbody tr').length"), "two workers, and the master that has loaded the application"

        page.evaluate("document.querySelector('#purge-form .second').click()")
        sentence = Browser.wait(for: "a purge") { page.evaluate("document.querySelector('.outcome .sentence')?.textContent") }
        assert_match(/2 of 2 workers answered/, sentence)
        assert_empty page.console
      end
    end
  end
end
