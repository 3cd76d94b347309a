# frozen_string_literal: true

require "digest"
require "fileutils"
require "open3"
require "tmpdir"

require_relative "debian_suites"

# Builds jemalloc as Debian builds its libjemalloc2, from the source archive of the Debian suite that has it.
class JemallocBuild
  class Failed < StandardError; end

  # Of Debian's jemalloc_5.3.1.orig.tar.gz. It is the tree of the tag, which says nowhere what it is: the version is told
  # to configure, and configure itself has to be made first.
  SHA256 = {"5.3.1" => "aac0e7afdbfb8abcbe7cab63597b63abacf22e8b701116a10a45b5ff50ac0c29"}.freeze
  SUITES = %w[trixie sid].freeze

  def initialize(version, folder)
    @version = version
    @folder = folder
  end

  # Puts the shared object into `target`. Takes about a minute.
  def install(library, target)
    archive = checked(obtained)
    Dir.mktmpdir("jemalloc-") do |tree|
      run("tar", "-xf", archive, "--strip-components=1", chdir: tree)
      run("autoconf", chdir: tree)
      run("./configure", *options, chdir: tree)
      run("make", "-j#{Etc.nprocessors}", "build_lib_shared", chdir: tree)
      FileUtils.cp(File.join(tree, "lib", library), target)
    end
  end

  private

  def options
    page = RbConfig::CONFIG["host_cpu"].match?(/x86_64|amd64/) ? 12 : 16
    ["--enable-prof", "--with-lg-page=#{page}", "--with-lg-hugepage=21", "--with-version=#{@version}-0-g0", "--disable-doc"]
  end

  def obtained
    suites = DebianSuites.new(@folder, SUITES, kind: "deb-src")
    SUITES.each do |suite|
      version = suites.versions("jemalloc", suite).find { |debian| DebianSuites.upstream(debian) == @version }
      return suites.source_archive("jemalloc", version) if version
    end
    raise Failed, "no source of jemalloc #{@version} in Debian's #{SUITES.join(" or ")}"
  end

  def checked(archive)
    found = Digest::SHA256.file(archive).hexdigest
    return archive if found == SHA256.fetch(@version)

    raise Failed, "#{File.basename(archive)} is not the archive that was checked: SHA-256 #{found}, expected #{SHA256.fetch(@version)}"
  end

  def run(*command, chdir:)
    output, status = Open3.capture2e(*command, chdir:)
    raise Failed, "`#{command.first}` said: #{output.lines.last(5).join.strip}" unless status.success?
  rescue Errno::ENOENT
    raise Failed, "#{command.first} is missing: `apt-get install autoconf make gcc g++`"
  end
end
