# frozen_string_literal: true

require "etc"
require "fileutils"
require "open3"
require "rbconfig"
require "tmpdir"

require_relative "../../ext/allocstats/build/archive"

# Builds jemalloc as Debian builds its libjemalloc2, from the archives that dependencies.yml pins.
class JemallocBuild
  def initialize(version)
    @version = version
  end

  # Puts the shared object into `target`. Takes about a minute. Raises AllocStats::Build::Failure.
  def install(library, target)
    archive = AllocStats::Build::Archive.obtain("jemalloc", @version, report: ->(line) { puts "  #{line}" })
    Dir.mktmpdir("jemalloc-") do |folder|
      tree = archive.unpack(File.join(folder, "source"))
      # The tree of a tag has no configure yet, as a release has.
      run("autoconf", chdir: tree) unless File.exist?(File.join(tree, "configure"))
      run("./configure", *options, chdir: tree)
      run("make", "-j#{Etc.nprocessors}", "build_lib_shared", chdir: tree)
      FileUtils.cp(File.join(tree, "lib", library), target)
    end
  end

  private

  # Of debian/rules. The version is told, because the tree of a tag does not know which it is. Debian leaves profiling out
  # on machines other than x86; the tests want it everywhere.
  def options
    page = RbConfig::CONFIG["host_cpu"].match?(/x86_64|amd64/) ? 12 : 16
    ["--enable-prof", "--with-lg-page=#{page}", "--with-lg-hugepage=21", "--with-version=#{@version}-0-g0", "--disable-doc"]
  end

  def run(*command, chdir:)
    output, status = Open3.capture2e(*command, chdir:)
    return if status.success?

    raise AllocStats::Build::Failure, "`#{command.first}` for jemalloc #{@version} said: #{output.lines.last(5).join.strip}"
  rescue Errno::ENOENT
    raise AllocStats::Build::Failure, "#{command.first} is missing: `apt-get install autoconf make gcc g++`"
  end
end
