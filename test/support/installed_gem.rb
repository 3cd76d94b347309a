# frozen_string_literal: true

require "fileutils"
require "open3"
require "rubygems/package"
require "tmpdir"
require_relative "../../ext/allocstats/build/package"

# The gem, built by `rake package` and installed into an empty GEM_HOME in a process without a network; made once and
# used by all tests of a run.
class InstalledGem
  ROOT = File.expand_path("../..", __dir__)

  def self.instance = @instance ||= new

  # GEM_HOME, and the built gem's path.
  attr_reader :home, :path

  def initialize
    @folder = Dir.mktmpdir("allocstats-installed")
    Minitest.after_run { FileUtils.rm_rf(@folder) }
    @home = File.join(@folder, "gems")
    build
    install
  end

  def specification = package.spec

  # Paths of the files in the built gem.
  def files = package.contents

  # The bytes of one of them.
  def read(path) = File.binread(File.join(home, "gems", specification.full_name, path))

  # Names of the gems in GEM_HOME.
  def installed = Dir.children(File.join(home, "gems")).sort

  def extension = Dir[File.join(home, "gems", "*", "lib", "allocstats", "allocstats.so")].first

  # What extconf.rb and make printed.
  def build_log = File.read(Dir[File.join(home, "extensions", "**", "gem_make.out")].first)

  # The output of Ruby code that runs with this gem and no other, in a folder that has nothing to do with it.
  def ruby(code, env: {})
    run!(environment.merge(env), RbConfig.ruby, "-e", code)
  end

  # The command that runs another one without a network; empty where there is none.
  def isolation
    @isolation ||= [%w[unshare -n], %w[unshare -r -n]].find { |command| works?(*command, "true") } || []
  end

  def isolated? = isolation.any?

  # Installs the same gem once more, below `folder`, with variables for its build; answers that GEM_HOME.
  def another_home(folder, variables)
    home = File.join(folder, "gems")
    FileUtils.mkdir_p(home)
    run!(environment.merge(variables, "GEM_HOME" => home, "GEM_PATH" => home), *isolation, Gem.ruby, "-S", "gem", "install", "--local", "--no-document", path)
    home
  end

  private

  def build
    run!({}, Gem.ruby, "-S", "rake", "package", chdir: ROOT)
    @path = File.join(ROOT, "pkg", "allocstats-#{AllocStats::VERSION}.gem")
  end

  def install
    FileUtils.mkdir_p(home)
    run!(environment, *isolation, Gem.ruby, "-S", "gem", "install", "--local", "--no-document", path)
  end

  def package = @package ||= Gem::Package.new(path)

  # Nothing of the developer's Ruby: neither its gems, nor Bundler, nor an allocator.
  def environment
    ENV.keys.grep(/\A(RUBY|GEM_|BUNDLE|ALLOCSTATS_|LD_PRELOAD)/).to_h { |name| [name, nil] }
      .merge("GEM_HOME" => home, "GEM_PATH" => home, "HOME" => @folder)
  end

  def run!(env, *command, chdir: @folder)
    output, status = Open3.capture2e(env, *command, chdir: chdir)
    raise "#{command.join(" ")} failed: #{output}" unless status.success?

    output
  end

  def works?(*command)
    _, status = Open3.capture2e(*command)
    status.success?
  rescue Errno::ENOENT
    false
  end
end
