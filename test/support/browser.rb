# frozen_string_literal: true

require "json"
require "tmpdir"

# A real Chromium without a window, driven through its own protocol (ferrum), for looking at pages as people do:
#
#   skip Browser.missing if Browser.missing
#   Browser.page(url, width: 360, dark: true) { |page| page.evaluate("document.title") }
#
# One browser serves all tests of a run; each page is in a context of its own and gone after its block. `page.console` is
# what the browser had to complain of.
module Browser
  # It takes part in nothing but these pages.
  FLAGS = %w[no-sandbox disable-gpu disable-quic no-first-run disable-background-networking disable-component-update disable-sync]
    .to_h { |flag| [flag, nil] }.freeze

  PROGRAMS = %w[chromium chromium-browser google-chrome].freeze

  HEIGHT = 900

  # What the browser reports of a page that is not in order.
  module Console
    def console = @console ||= []

    def listen
      on("Log.entryAdded") { |event| console << "#{event["entry"]["level"]}: #{event["entry"]["text"]} #{event["entry"]["url"]}" }
      on("Runtime.exceptionThrown") { |event| console << "exception: #{event["exceptionDetails"]}" }
      on("Runtime.consoleAPICalled") { |event| console << "#{event["type"]}: #{event["args"]}" }
      self
    end
  end

  module_function

  # Why there is none here, for `skip`; nil where there is.
  def missing
    return "there is no Chromium on this machine: install chromium" unless program
    require "ferrum"
    nil
  rescue LoadError
    "the gem ferrum is not installed"
  end

  def program
    @program ||= PROGRAMS.product(ENV["PATH"].split(File::PATH_SEPARATOR)).map { |name, folder| File.join(folder, name) }.find { |path| File.executable?(path) }
  end

  # scripts:: false is a browser in which JavaScript is off
  def page(url = nil, width: 1100, dark: false, scripts: true)
    context = browser.contexts.create
    page = context.create_page.extend(Console).listen
    page.command("Emulation.setDeviceMetricsOverride", width: width, height: HEIGHT, deviceScaleFactor: 1, mobile: width < 500)
    page.command("Emulation.setEmulatedMedia", features: [{name: "prefers-color-scheme", value: dark ? "dark" : "light"}])
    page.disable_javascript unless scripts
    page.go_to(url) if url
    yield page
  ensure
    context&.dispose
  end

  # Asks again until the block says something else than nil and false; what it said.
  def wait(seconds = 20, for: "what the test waits for")
    deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + seconds
    until (answer = yield)
      raise "within #{seconds} s there was not #{binding.local_variable_get(:for)}" if Process.clock_gettime(Process::CLOCK_MONOTONIC) > deadline
      sleep 0.05
    end
    answer
  end

  def browser
    @browser ||= begin
      require "ferrum"
      folder = Dir.mktmpdir("allocstats-chromium")
      browser = Ferrum::Browser.new(
        browser_path: program, browser_options: FLAGS.merge("user-data-dir" => folder), js_errors: false, process_timeout: 60, timeout: 30
      )
      Minitest.after_run { quit }
      @folder = folder
      browser
    end
  end

  # A picture of the page from its top, all of it or down to where an element begins.
  def picture(page, path, down_to: nil)
    height = page.evaluate(down_to ? "document.querySelector(#{down_to.to_json}).getBoundingClientRect().top + scrollY" : "document.documentElement.scrollHeight")
    clip = {x: 0, y: 0, width: page.evaluate("innerWidth"), height: height.floor, scale: 1}
    data = page.command("Page.captureScreenshot", format: "png", captureBeyondViewport: true, clip: clip)["data"]
    File.binwrite(path, data.unpack1("m"))
  end

  # Ends it before the tests do.
  def quit
    @browser&.quit
    FileUtils.rm_rf(@folder) if @folder
    @browser = @folder = nil
  end
end
