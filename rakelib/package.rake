# frozen_string_literal: true

require "rubygems/package"
require_relative "../ext/allocstats/build/package"

desc "Get the private allocator's source archive into archives/, checked"
task :archive do
  AllocStats::Build::Package.fetch_archive { |line| puts line }
end

desc "Build the gem into pkg/, with the private allocator's archive in it, so that it installs with no network"
task package: :archive do
  mkdir_p "pkg", verbose: false
  package = AllocStats::Build::Package
  gem = Gem::Specification.load("allocstats.gemspec").dup
  gem.files += package.archives
  Gem::Package.build(gem, false, false, "pkg/allocstats-#{package.version}.gem")
end

CLOBBER.include("pkg")
