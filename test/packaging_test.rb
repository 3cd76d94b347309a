# frozen_string_literal: true

require "test_helper"
require "digest"
require "open3"
require "rubygems/package"
require "support/installed_gem"

# The gem as a person gets it: built, installed where there is nothing else, and used from somewhere else.
class PackagingTest < Minitest::Test
  ROOT = File.expand_path("..", __dir__)
  SHIPPED_FOLDERS = %w[lib ext exe sig docs man completion].freeze
  SHIPPED_FILES = %w[README.md ARCHITECTURE.md CHANGELOG.md LICENSE.txt dependencies.yml].freeze

  def gem = InstalledGem.instance

  # What git knows of the folders that are shipped: another list than the gemspec's globs, so that a file which the
  # globs miss is noticed, and one that should not be there as well.
  def files_known_to_git
    output, status = Open3.capture2("git", "-C", ROOT, "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    skip "this is no git checkout: what the gem should hold cannot be told" unless status.success?

    output.split("\0").select do |path|
      next false unless File.file?(File.join(ROOT, path))

      path.start_with?(*SHIPPED_FOLDERS.map { |folder| "#{folder}/" }) || SHIPPED_FILES.include?(path)
    end
  end

  def test_the_gem_holds_what_git_knows_and_one_archive
    archives, others = gem.files.partition { |path| path.start_with?("archives/") }
    assert_equal files_known_to_git.sort, others.sort
    assert_equal 1, archives.size, "one source archive, that of the default private allocator: #{archives}"
  end

  def test_the_archive_in_the_gem_is_a_pinned_one
    pins = AllocStats::Build::Package.pins
    bytes = gem.read(gem.files.find { |path| path.start_with?("archives/") })
    assert_includes pins.map(&:sha256), Digest::SHA256.hexdigest(bytes)
  end

  def test_the_gem_needs_no_other_gem
    assert_empty gem.specification.runtime_dependencies
    assert_equal Gem::Requirement.new(">= 3.1"), gem.specification.required_ruby_version
    assert_equal ["MIT"], gem.specification.licenses
  end

  def test_it_installs_into_an_empty_gem_home
    assert_equal ["allocstats-#{AllocStats::VERSION}"], gem.installed
  end

  def test_the_network_was_off_while_it_was_installed
    skip "no way to take the network away here (unshare -n): it was installed with --local, and that alone" unless gem.isolated?

    # The loopback interface is down in there too, so that not even a server of this machine could have helped.
    answer, = Open3.capture2e(*gem.isolation, "cat", "/proc/net/route", "/proc/net/ipv6_route")
    refute_match(/^(?!lo\b|Iface).*\t/, answer)
  end

  def test_it_was_built_from_the_archive_inside_the_gem
    assert_match(/from the gem's archives: #{Regexp.escape(gem.home)}/, gem.build_log)
  end

  def test_it_works_from_an_unrelated_folder
    output = gem.ruby('require "allocstats"; print AllocStats.allocator.name, " ", AllocStats.private_heap.allocator')
    assert_equal "glibc mimalloc", output
  end

  def test_the_page_has_all_its_files
    output = gem.ruby(<<~RUBY)
      require "allocstats"
      page = AllocStats::Rack::Page
      print page.new(AllocStats.report.to_h, base: "/allocator", change: true).to_s[/owns all of malloc/], " ", page::ASSETS.keys.sum { |name| page.asset(name).last.lines.size.clamp(0, 1) }
    RUBY
    assert_equal "owns all of malloc 2", output
  end

  def test_elsewhere_it_loads_and_says_that_it_is_unsupported
    output = gem.ruby(<<~RUBY)
      require "rbconfig"
      RbConfig::CONFIG["host_os"] = "darwin23"
      require "allocstats"
      %i[allocator sample private_heap report purge workers history measure].each do |name|
        AllocStats.public_send(name)
      rescue AllocStats::Unsupported => error
        puts error.message
      end
      passed_by = AllocStats::Rack::Middleware.new(->(_) { :the_application }).call({"PATH_INFO" => "/"})
      endpoint = AllocStats::Rack::Endpoint.new(allow: ->(_) { true }, health: {expect: :jemalloc})
      puts endpoint.call({"REQUEST_METHOD" => "GET", "PATH_INFO" => "/health"}).last
      print [AllocStats.supported?, AllocStats.start, AllocStats.started?, AllocStats.safe_point, AllocStats.thread_bytes, passed_by].inspect
    RUBY
    *messages, quiet = output.lines
    assert_equal 9, messages.size
    messages.each { |message| assert_match(/darwin23/, message) }
    assert_equal "[false, false, false, false, nil, :the_application]", quiet
  end

  def test_on_another_ruby_it_loads_and_says_so
    output = gem.ruby(<<~RUBY)
      Object.send(:remove_const, :RUBY_ENGINE)
      RUBY_ENGINE = "jruby"
      require "allocstats"
      AllocStats.sample rescue print $!.message
    RUBY
    assert_match(/CRuby; this Ruby is jruby/, output)
  end

  def test_it_exports_its_init_function_and_nothing_else
    names = run!("nm", "-D", "--defined-only", gem.extension).lines.map { |line| line.split.last }
    assert_equal ["Init_allocstats"], names
  end

  def test_it_has_no_static_tls
    dynamic = run!("readelf", "--dynamic", "--wide", gem.extension)
    assert_match(/NEEDED.*libc/, dynamic, "readelf has said something")
    refute_match(/STATIC_TLS/, dynamic)
  end

  def test_it_needs_no_allocator_at_run_time
    refute_match(/jemalloc|mimalloc|tcmalloc/, run!("readelf", "--dynamic", "--wide", gem.extension))
  end

  # A thread takes memory too, since the extension's thread-local storage is made for each thread anew.
  TestAllocators.each do |entry|
    define_method("test_it_lives_beside_#{entry.key.tr("-.", "_")}") do
      skip entry.missing if entry.missing

      output = gem.ruby(<<~RUBY, env: entry.env)
        require "allocstats"
        samples = Array.new(4) { Thread.new { Array.new(100) { AllocStats.sample } } }.flat_map(&:value)
        pid = fork { exit!(AllocStats.sample.rss.positive?) }
        Process.wait(pid)
        print AllocStats.allocator.name, " ", samples.size, " ", $?.success?
      RUBY
      assert_equal "#{entry.name} 400 true", output
    end
  end

  private

  def run!(*command)
    output, status = Open3.capture2e({"LC_ALL" => "C"}, *command)
    assert status.success?, "#{command.join(" ")}: #{output}"
    output
  rescue Errno::ENOENT
    skip "#{command.first} is not on this machine: install binutils"
  end
end
