# frozen_string_literal: true

require_relative "../ext/allocstats/build/package"

desc "Get the private allocator's source archive into archives/, checked"
task :archive do
  AllocStats::Build::Package.fetch_archive { |line| puts line }
end

desc "Build the gem into pkg/, with the private allocator's archive in it, so that it installs with no network"
task package: :archive do
  mkdir_p "pkg", verbose: false
  # A process of its own: the list of files is made when the gemspec is read, and the archive may be new.
  sh Gem.ruby, "-S", "gem", "build", "allocstats.gemspec", "--output", "pkg/allocstats-#{AllocStats::Build::Package.version}.gem",
    verbose: false
end

CLOBBER.include("pkg")
