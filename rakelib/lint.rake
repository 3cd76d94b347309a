# frozen_string_literal: true

namespace :lint do
  desc "Check the Ruby sources with standard; STANDARD=--fix repairs what it can"
  task :ruby do
    sh(*%w[bundle exec standardrb --format progress], *ENV["STANDARD"].to_s.split, verbose: false)
  end

  desc "Check the C sources: their format, and what clang-tidy finds"
  task c: %w[c:format c:tidy]

  desc "Check the syntax of the shell scripts"
  task :shell do
    scripts = FileList["script/*", ".ci/run"].select { |path| File.file?(path) && File.open(path, &:gets).to_s.match?(/^#!.*\bbash/) }
    scripts.each { |path| sh "bash", "-n", path, verbose: false }
  end

  desc "Check the signatures in sig: that they parse and that each name in them is declared"
  task :signatures do
    sh(*%w[bundle exec rbs -I sig validate], verbose: false)
  end
end

desc "Check the style of all sources"
task lint: %w[lint:ruby lint:c lint:shell lint:signatures]
