# frozen_string_literal: true

require "etc"
require "fileutils"
require "open3"

require_relative "debian_suite"

# Another Ruby in a Debian of its own: a tree made by debootstrap in a folder, entered by chroot. What runs in it has
# mounts and process numbers of its own, so nothing of it is left when it has ended, however that came.
#
#   tree = RubyTree.new(ruby: "3.3", suites: %w[trixie], folder: "tmp/rubies")
#   tree.make unless tree.made?
#   tree.lay(".")                          # the checkout's sources, and the allocators to test with
#   tree.enter("script/test", "test")      # => true where it ended with 0
#
# What it prints goes to tree.log.
class RubyTree
  # Why there is no such tree here, as a sentence.
  class Unavailable < StandardError; end

  MEGABYTES = 4_000 # what a tree takes with gems and with the packages that the tests need
  CERTIFICATES = "/usr/local/share/ca-certificates"
  # What this machine's environment says of the network.
  FROM_HERE = /\A(CI|https?_proxy|no_proxy)\z/i
  GRACE = 180 # seconds for the tests under way when the time is over
  OVER = 124 # what timeout(1) ends with

  # Its own mounts, and a first process that waits for whoever has lost a parent.
  ENTER = <<~SH
    for folder in sys dev; do mount --rbind "/$folder" "$0/$folder" || exit; done
    mount -t proc proc "$0/proc" || exit
    chroot "$0" "$@"
    exit $?
  SH

  attr_reader :ruby, :log

  # ruby::   "3.4"
  # suites:: of Debian: what the tree is made of, and those that hold newer packages for it
  # folder:: where trees are kept
  # until::  the second since 1970 after which no test begins; what runs longer is ended. nil is never
  def initialize(ruby:, suites:, folder:, until: nil)
    @ruby = ruby
    @suites = suites
    @folder = File.expand_path(folder)
    @log = File.join(@folder, "#{name}.log")
    @until = binding.local_variable_get(:until)
  end

  def name = "ruby#{ruby}"

  def path = File.join(@folder, "#{name}-#{@suites.join("-")}")

  def checkout = File.join(path, "allocstats")

  def made? = File.directory?(path)

  # The tree appears whole or not at all.
  def make
    demand_what_it_takes
    FileUtils.rm_rf(unfinished)
    demand("debootstrap", "--variant=minbase", "--include=ca-certificates", @suites.first, unfinished, DebianSuite.new(@folder, nil).mirror)
    furnish
    install_ruby
    File.rename(unfinished, path)
  rescue DebianSuite::Unavailable, SystemCallError => error
    raise Unavailable, error.message
  ensure
    FileUtils.rm_rf(unfinished)
  end

  # What is in the checkout but was not built there; of what was got for it, the allocators and the archives.
  def lay(sources)
    forget_what_was_laid
    FileUtils.mkdir_p(checkout)
    demand("sh", "-c", <<~SH, sources, checkout)
      cd "$0" && { git -c safe.directory="$PWD" ls-files --cached --others --exclude-standard -z | xargs -0 ls -d 2>/dev/null; ls -d archives/*; } |
        tar -cf - -T - | tar -C "$1" -xf -
    SH
    FileUtils.mkdir_p(File.join(checkout, "tmp"))
    FileUtils.cp_r(File.realpath(TestAllocators.folder), File.join(checkout, "tmp", "allocators"))
  end

  # Runs a command in the checkout's copy; whether it ended with 0.
  def enter(*command, env: {}) = run(*entering(path, *command, folder: "/allocstats", env: env), grace: GRACE).success?

  # The same for what the tree must have, else it is Unavailable.
  def demand_inside(*command) = demand(*entering(path, *command, folder: "/allocstats"))

  def over? = !@until.nil? && Time.now.to_i >= @until

  private

  def unfinished = "#{path}.unfinished"

  def demand_what_it_takes
    raise Unavailable, "only root can make and enter a tree" unless Process.uid.zero?

    missing = %w[debootstrap unshare chroot timeout].reject { |program| on_path?(program) }
    raise Unavailable, "#{missing.first} is missing on this machine" if missing.any?

    FileUtils.mkdir_p(@folder)
    free = Integer(Open3.capture2("df", "--output=avail", "--block-size=1M", @folder).first.lines.last)
    raise Unavailable, "#{@folder} has #{free} MB left, and a tree takes #{MEGABYTES}" if free < MEGABYTES
  end

  def on_path?(program) = ENV["PATH"].split(":").any? { |folder| File.executable?(File.join(folder, program)) }

  # It asks the network as this machine does: by the same name servers, trusting the same, by the same rules of apt.
  def furnish
    FileUtils.cp("/etc/resolv.conf", "#{unfinished}/etc/resolv.conf")
    FileUtils.cp(Dir.glob("#{CERTIFICATES}/*.crt"), "#{unfinished}#{CERTIFICATES}")
    rules = Open3.capture2("apt-config", "dump").first.lines.grep(/\AAcquire::(Check-Valid-Until|https?::)/)
    File.write("#{unfinished}/etc/apt/apt.conf.d/00as-around-it", rules.join)
    mirror = File.read("#{unfinished}/etc/apt/sources.list")[/^deb (\S+)/, 1]
    File.write("#{unfinished}/etc/apt/sources.list", @suites.map { |suite| "deb #{mirror} #{suite} main\n" }.join)
    demand(*entering(unfinished, "update-ca-certificates"))
    demand(*entering(unfinished, "apt-get", "update"))
  end

  def install_ruby
    packages = [name, "#{name}-dev", "ruby-bundler"]
    demand(*entering(unfinished, "apt-get", "install", "--yes", "--no-install-recommends", "--target-release", @suites.last, *packages))
    %w[ruby gem bundle].each { |program| FileUtils.ln_sf("/usr/bin/#{program}#{ruby}", "#{unfinished}/usr/local/bin/#{program}") }
  end

  # The gems stay.
  def forget_what_was_laid
    return unless File.directory?(checkout)

    FileUtils.rm_rf((Dir.children(checkout) - ["vendor"]).map { |name| File.join(checkout, name) })
  end

  def entering(root, *command, folder: "/", env: {})
    env = ENV.to_h.slice(*ENV.keys.grep(FROM_HERE)).merge(
      "PATH" => "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME" => "/root", "LANG" => "C.UTF-8",
      "DEBIAN_FRONTEND" => "noninteractive", **(@until ? {"TESTS_UNTIL" => @until.to_s} : {}), **env
    )
    inside = ["env", "--ignore-environment", "--chdir=#{folder}", *env.map { |name, value| "#{name}=#{value}" }, *command]
    ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", ENTER, root, *inside]
  end

  def demand(*command)
    status = run(*command)
    return if status.success?

    raise Unavailable, "there was no time for it" if status.exitstatus == OVER
    raise Unavailable, "#{words(command)} said: #{File.readlines(@log, chomp: true).reject(&:empty?).last}"
  end

  # What of a command says what it does, without options: inside the tree where it enters one.
  def words(command)
    inside = command.drop_while { |word| word != "--ignore-environment" }
    (inside.empty? ? command : inside).reject { |word| word.match?(/\A-|=/) }.first(2).join(" ")
  end

  def run(*command, grace: 0)
    FileUtils.mkdir_p(@folder)
    limit = @until ? ["timeout", "--kill-after=10", [@until + grace - Time.now.to_i, 1].max.to_s] : []
    Open3.popen2e({"LC_ALL" => "C"}, *limit, *command, unsetenv_others: false) do |input, output, waiter|
      input.close
      File.open(@log, "a") { |log| IO.copy_stream(output, log) }
      waiter.value
    end
  end
end
