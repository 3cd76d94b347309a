# frozen_string_literal: true

require "test_helper"
require "nokogiri"
require "support/asking"
require "rack/builder"
require "rack/urlmap"
require "roda"

# Every way in which the endpoint can be mounted: each path of docs/endpoint.md answers below the mount point, and whatever
# the page names leads somewhere.
class RackMountsTest < Minitest::Test
  include Asking

  TOKEN = "for-all-of-these-mounts"
  ENDPOINT = AllocStats::Rack::Endpoint.new(change_token: TOKEN, purge_interval: 0, announce: false)
  THEIRS = ->(_) { [404, {"content-type" => "text/plain"}, ["theirs"]] }

  class Tree < Roda
    route do |r|
      r.on("internal", "allocator") { r.run ENDPOINT }
      r.on("allocator") { r.run ENDPOINT }
    end
  end

  MOUNTS = {
    "Rack::Builder#map" => Rack::Builder.new { map("/allocator") { run ENDPOINT } }.to_app,
    "a map in a map" => Rack::Builder.new { map("/internal") { map("/allocator") { run ENDPOINT } } }.to_app,
    "Rack::URLMap" => Rack::URLMap.new("/allocator" => ENDPOINT, "/" => THEIRS),
    "Rack::URLMap by host" => Rack::URLMap.new("http://localhost/allocator" => ENDPOINT),
    "Roda" => Tree.app,
    "Rack::Cascade" => Rack::Cascade.new([THEIRS, Rack::URLMap.new("/allocator" => ENDPOINT)]),
    "the middleware" => AllocStats::Rack::Middleware.new(THEIRS, change_token: TOKEN)
  }.freeze

  def get(mount, path, **env)
    ask(path, endpoint: mount, HTTP_HOST: "localhost", HTTP_AUTHORIZATION: "Bearer #{TOKEN}", **env)
  end

  # What docs/endpoint.md lists, of what is read.
  def documented
    table = File.read(File.expand_path("../docs/endpoint.md", __dir__))[/^\| below the mount point.*?\n\n/m]
    rows = table.lines.drop(2).map { |line| line.split("|").map(&:strip) }
    rows.select { |row| row[2] == "GET" }.flat_map { |row| row[1].scan(/`([^`]+)`/).flatten.push(*("" if row[1].start_with?("(nothing)"))) }
  end

  def base(name) = (name == "a map in a map") ? "/internal/allocator" : "/allocator"

  def test_each_path_of_the_docs
    assert_includes documented, "/report.json"
    MOUNTS.each do |name, mount|
      documented.each { |path| assert_equal 200, get(mount, "#{base(name)}#{path}").status, "#{name}: #{path}" }
    end
  end

  def test_what_the_page_names
    MOUNTS.each do |name, mount|
      html = Nokogiri::HTML(get(mount, base(name), HTTP_ACCEPT: "text/html").body)
      named = html.css("[href], [src], [data-census], [data-url]").flat_map { |each| each.to_h.values_at("href", "src", "data-census", "data-url") }.compact.grep(%r{\A/}).uniq

      assert_operator named.size, :>=, 7, name
      named.each { |path| assert_equal 200, get(mount, path).status, "#{name}: #{path}" }
      assert_equal "#{base(name)}/purge#purge", html.at_css("#purge-form")["action"]
    end
  end

  # Of every address that the docs write out below a mount point: the same everywhere.
  def test_no_document_names_a_path_that_only_some_mounts_have
    texts = Dir[File.expand_path("../{README.md,docs/**/*.md}", __dir__)].to_h { |path| [path, File.read(path)] }

    texts.each { |path, text| refute_match(%r{://\S*/allocator\.json}, text, path) }
  end
end
