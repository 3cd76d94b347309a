# frozen_string_literal: true

require_relative "lib/allocstats/version"
require_relative "ext/allocstats/build/package"

Gem::Specification.new do |spec|
  spec.name = "allocstats"
  spec.version = AllocStats::VERSION
  spec.authors = ["the allocstats maintainers"]
  spec.summary = "Which malloc runs this Ruby process, where its resident memory is, and how to get it back"
  spec.description = "Reads jemalloc, mimalloc, tcmalloc and the C library's malloc in a running Ruby process on Linux: " \
    "proves which one owns malloc, measures what it holds, and accounts for the resident memory to the byte."
  spec.license = "MIT"

  spec.required_ruby_version = ">= 3.1"
  spec.metadata["rubygems_mfa_required"] = "true"

  spec.files = AllocStats::Build::Package.files
  spec.extensions = ["ext/allocstats/extconf.rb"]
  spec.bindir = "exe"
  spec.executables = spec.files.grep(%r{\Aexe/}) { |path| File.basename(path) }
end
