# frozen_string_literal: true

require "fileutils"
require "open3"

# Packages of Debian suites other than the machine's own, without touching the machine's apt: the sources, lists and
# cache that apt is given here live in a folder of ours. The mirror is the one the machine already uses.
class DebianSuites
  class Unavailable < StandardError; end

  KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"

  # folder:: where apt's lists and the downloaded packages are kept
  # suites:: ["bookworm", "trixie", "sid"]
  # kind::   "deb" for binary packages, "deb-src" for the sources they are built from
  def initialize(folder, suites, kind: "deb")
    @folder = folder
    @suites = suites
    @kind = kind
    @updated = false
  end

  # The versions of a package in a suite, as Debian writes them ("3.6.0+ds-1"), newest first.
  def versions(package, suite)
    update
    apt("apt-cache", "madison", package).lines.map { |line| line.split("|").map(&:strip) }
      .select { |_, _, index| index.split[1]&.start_with?("#{suite}/") }
      .map { |_, version, _| version }
  end

  # Downloads a binary package and lays its files out below `target`, as they would be below /.
  def unpack(package, version, target)
    apt("apt-get", "download", "#{package}=#{version}", chdir: packages)
    run("dpkg", "-x", downloaded("#{package}_*.deb"), target)
  end

  # Downloads upstream's archive of a source package, and answers its path.
  def source_archive(package, version)
    apt("apt-get", "source", "--download-only", "#{package}=#{version}", chdir: packages)
    downloaded("#{package}_#{self.class.upstream(version)}*.orig.tar.*")
  end

  # "3.6.0" of "1:3.6.0+ds-1": what upstream calls it.
  def self.upstream(version) = version[/\A(?:\d+:)?([\d.]+)/, 1]

  private

  def packages = File.join(@folder, "packages")

  def downloaded(pattern)
    Dir.glob(pattern, base: packages).map { |name| File.join(packages, name) }.max_by { |path| File.mtime(path) }
  end

  def update
    return if @updated

    FileUtils.mkdir_p([File.join(@folder, "lists", "partial"), File.join(@folder, "cache", "archives", "partial"), packages])
    File.write(sources, @suites.map { |suite| "#{@kind} #{trust}#{mirror} #{suite} main\n" }.join)
    apt("apt-get", "update", "--quiet")
    @updated = true
  end

  def sources = File.join(@folder, "sources.list")

  def trust = File.exist?(KEYRING) ? "[signed-by=#{KEYRING}] " : ""

  # Where the machine gets Debian's main archive from, whichever way its sources are written.
  def mirror
    @mirror ||= begin
      targets = run("apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(ORIGIN)", "Created-By: Packages").lines.map(&:split)
      own = targets.find { |_, release, _| release == codename } || targets.find { |_, _, origin| origin == "Debian" }
      own&.first or raise Unavailable, "this machine's apt names no archive of Debian"
    end
  end

  def codename
    File.read("/etc/os-release")[/^VERSION_CODENAME=(\w+)/, 1] if File.exist?("/etc/os-release")
  end

  # apt's own user for downloads could not write into a folder of ours.
  def apt(program, *arguments, chdir: @folder)
    own = {
      "Dir::Etc::sourcelist" => sources, "Dir::Etc::sourceparts" => "-", "Dir::State::lists" => File.join(@folder, "lists"),
      "Dir::Cache" => File.join(@folder, "cache"), "APT::Sandbox::User" => "root", "Acquire::Languages" => "none",
      "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled" => "false"
    }
    run(program, *own.flat_map { |name, value| ["-o", "#{name}=#{value}"] }, *arguments, chdir:)
  end

  def run(*command, chdir: Dir.pwd)
    output, status = Open3.capture2e({"LC_ALL" => "C"}, *command, chdir:)
    return output if status.success?

    raise Unavailable, "`#{command.reject { |word| word.include?("::") || word == "-o" }.join(" ")}` said: #{output.lines.last(3).join.strip}"
  rescue Errno::ENOENT
    raise Unavailable, "#{command.first} is not on this machine, which is no Debian"
  end
end
