# frozen_string_literal: true

require "test_helper"
require "digest"
require "json"
require "yaml"
require "support/command_line"

class CommandVersionsTest < Minitest::Test
  PINS = YAML.safe_load_file(File.expand_path("../dependencies.yml", __dir__)).fetch("archives")

  def json = JSON.parse(CommandLine.run("versions", "--json").stdout, symbolize_names: true)

  def test_every_library_with_its_path_and_hash
    libraries = json.fetch(:libraries)
    assert_equal AllocStats::Launch.libraries.map(&:path), libraries.select { |library| library[:problem].nil? }.map { |library| library[:path] }
    libraries.each do |library|
      assert_equal Digest::SHA256.file(library[:path]).hexdigest, library[:sha256]
      assert_includes %w[bundled system], library[:origin]
      next if library[:problem]
      assert_match(/\A\d/, library[:version])
      assert_equal library[:build].nil?, library[:origin] == "system"
    end
  end

  def test_what_is_pinned_is_built_or_not
    document = json
    built = document[:libraries].select { |library| library[:origin] == "bundled" }.map { |library| library.values_at(:name, :version) }
    pinned = PINS.flat_map { |name, archives| archives.map { |archive| [name, archive["version"]] } }.uniq
    assert_equal pinned.sort, (built | document[:not_built].map { |pin| pin.values_at(:name, :version) }).sort
    document[:not_built].each { |pin| assert_match(/\A\h{64}\z/, pin[:sha256]) }
  end

  def test_the_text_says_the_same
    text = CommandLine.run("versions").stdout
    document = json
    document[:libraries].each do |library|
      assert_includes text, library[:path]
      assert_includes text, "SHA-256 #{library[:sha256]}"
    end
    assert_match(/^running: #{document[:running][:name]} /, text)
    document[:not_built].each { |pin| assert_match(/^  #{pin[:name]} .*#{Regexp.escape(pin[:version])}/, text) }
  end

  def test_a_library_of_the_search_path_that_does_not_work_says_why
    Dir.mktmpdir do |folder|
      File.write("#{folder}/libmimalloc.so.9", "nothing")
      text = CommandLine.run("versions", env: {"LD_LIBRARY_PATH" => folder}).stdout
      assert_match(%r{#{folder}/libmimalloc.so.9\n.*SHA-256.*\n\s+does not work: it is no shared library}, text)
    end
  end

  def test_bad_input
    result = CommandLine.run("versions", "5.3.0")
    assert_equal [64, "allocstats: versions takes no argument: \"5.3.0\"\n"], [result.status.exitstatus, result.stderr]
    assert_equal 64, CommandLine.run("versions", "--yaml").status.exitstatus
  end
end
