# frozen_string_literal: true

require "fileutils"
require "open3"

# Binary packages of a Debian suite other than the machine's own, without touching the machine's apt: the sources, lists
# and cache that apt is given here live in a folder of ours. The mirror is the one the machine already uses.
class DebianSuite
  class Unavailable < StandardError; end

  KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"

  # folder:: where apt's lists and the downloaded packages are kept
  # name::   "bookworm", "trixie" or "sid"
  def initialize(folder, name)
    @folder = folder
    @name = name
    @updated = false
  end

  # The versions of a package in the suite, as Debian writes them ("3.6.0+ds-1"), newest first.
  def versions(package)
    update
    apt("apt-cache", "madison", package).lines.map { |line| line.split("|")[1].strip }
  end

  # Downloads a package and lays its files out below `target`, as they would be below /.
  def unpack(package, version, target)
    update
    apt("apt-get", "download", "#{package}=#{version}")
    archive = Dir.glob("#{package}_#{version.sub(":", "%3a")}_*.deb", base: @folder).first
    run("dpkg", "-x", archive, target)
  end

  # The same of the package that a metapackage depends on: the first whose name matches.
  def unpack_dependency(metapackage, name, target)
    update
    needed = apt("apt-cache", "depends", metapackage).scan(/Depends: (\S+)/).flatten.grep(name).first or
      raise Unavailable, "#{metapackage} of Debian's #{@name} depends on nothing like #{name.source}"
    unpack(needed, versions(needed).first, target)
  end

  # "3.6.0" of "1:3.6.0+ds-1": what upstream calls it.
  def self.upstream(version) = version[/\A(?:\d+:)?([\d.]+)/, 1]

  # Where the machine gets Debian's main archive from, whichever way its sources are written.
  def mirror
    FileUtils.mkdir_p(@folder)
    targets = run("apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(ORIGIN)", "Created-By: Packages").lines.map(&:split)
    own = targets.find { |_, release, _| release == codename } || targets.find { |_, _, origin| origin == "Debian" }
    own&.first or raise Unavailable, "this machine's apt names no archive of Debian"
  end

  private

  def update
    return if @updated

    FileUtils.mkdir_p(%w[lists/partial cache/archives/partial].map { |name| File.join(@folder, name) })
    File.write(sources, "deb #{trust}#{mirror} #{@name} main\n")
    apt("apt-get", "update", "--quiet")
    @updated = true
  end

  def sources = File.join(@folder, "sources.list")

  def trust = File.exist?(KEYRING) ? "[signed-by=#{KEYRING}] " : ""

  def codename = File.read("/etc/os-release")[/^VERSION_CODENAME=(\w+)/, 1]

  # Downloads run as the caller: apt's own user could not write into a folder of ours.
  def apt(program, *arguments)
    own = {
      "Dir::Etc::sourcelist" => sources, "Dir::Etc::sourceparts" => "-", "Dir::State::lists" => File.join(@folder, "lists"),
      "Dir::Cache" => File.join(@folder, "cache"), "APT::Sandbox::User" => "root", "Acquire::Languages" => "none",
      "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled" => "false"
    }
    run(program, *own.flat_map { |name, value| ["-o", "#{name}=#{value}"] }, *arguments)
  end

  def run(*command)
    output, status = Open3.capture2e({"LC_ALL" => "C"}, *command, chdir: @folder)
    return output if status.success?

    words = command.reject { |word| word.include?("::") || word == "-o" }
    raise Unavailable, "`#{words.join(" ")}` said: #{output.lines.last(3).join.strip}"
  rescue Errno::ENOENT
    raise Unavailable, "#{command.first} is missing, so this machine is no Debian"
  end
end
