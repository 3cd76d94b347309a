# frozen_string_literal: true

require "digest"
require "rake/extensiontask"

extension = Rake::ExtensionTask.new("allocstats") do |ext|
  ext.lib_dir = "lib/allocstats"
  ext.source_pattern = "**/*.{c,h,def}"
end

# The Makefile lists the sources, so it is written anew when a source comes or goes, and when the build itself changes.
# What was compiled until then names the sources where they were.
sources = FileList["ext/allocstats/{,allocators/,kernel/,languages/,ruby/,workers/}*.c"].sort
list = "tmp/sources-#{Digest::SHA256.hexdigest(sources.join("\n"))[0, 12]}"
file list do
  rm_f FileList["tmp/sources-*", "#{extension.tmp_dir}/*/allocstats/*/*.{d,o}"], verbose: false
  mkdir_p File.dirname(list), verbose: false
  File.write(list, sources.join("\n"))
end

build = FileList["dependencies.yml", "ext/allocstats/build/**/*.rb", "ext/allocstats/{private_heap/{mimalloc.c,quiet_mapping.h},gate/*.{c,h}}"]
file "#{extension.tmp_dir}/#{RbConfig::CONFIG["arch"]}/allocstats/#{RUBY_VERSION}/Makefile" => [list, *build]

CLEAN.include("tmp/sources-*")
