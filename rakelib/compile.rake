# frozen_string_literal: true

require "digest"
require "rake/extensiontask"
require_relative "../ext/allocstats/build/c_sources"

extension = Rake::ExtensionTask.new("allocstats") do |ext|
  ext.lib_dir = "lib/allocstats"
  ext.source_pattern = "**/*.{c,h,def}"
end

# The Makefile lists the sources, so it is written anew when a source comes or goes, and when the build itself changes.
# What was compiled until then names the sources where they were.
sources = AllocStats::Build::CSources.extension
list = "tmp/sources-#{Digest::SHA256.hexdigest(sources.join("\n"))[0, 12]}"
file list do
  rm_f FileList["tmp/sources-*", "#{extension.tmp_dir}/*/allocstats/*/**/*.{d,o}"], verbose: false
  mkdir_p File.dirname(list), verbose: false
  File.write(list, sources.join("\n"))
end

apart = FileList[*AllocStats::Build::CSources::APART.map { |path| "ext/allocstats/#{path.sub(/c\z/, "{c,h}")}" }, "ext/allocstats/private_heap/quiet_mapping.h"]
build = FileList["dependencies.yml", "ext/allocstats/build/**/*.rb", *apart]
file "#{extension.tmp_dir}/#{RbConfig::CONFIG["arch"]}/allocstats/#{RUBY_VERSION}/Makefile" => [list, *build]

CLEAN.include("tmp/sources-*")
