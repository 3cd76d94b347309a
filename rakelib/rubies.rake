# frozen_string_literal: true

require_relative "../test/support/ruby_matrix"

# The Ruby tests on Rubies other than the machine's own. A tree is made once and kept in tmp/rubies, or below
# ALLOCSTATS_CACHE; RUBIES_MINUTES is how long all of it may take, and what there is no time for is named.
namespace :ruby do
  matrix = lambda do |*rubies|
    folder = ENV["ALLOCSTATS_CACHE"] ? File.join(ENV["ALLOCSTATS_CACHE"], "rubies") : "tmp/rubies"
    ends = [ENV["TESTS_UNTIL"]&.to_i, ENV["RUBIES_MINUTES"] && (Time.now.to_i + (Float(ENV["RUBIES_MINUTES"]) * 60).to_i)].compact.min
    RubyMatrix.new(*rubies, folder: folder, logs: "tmp/tests", until: ends).run
  end

  RubyMatrix::RUBIES.each do |ruby, suites|
    desc "Run the Ruby tests on Ruby #{ruby}, in a tree of Debian's #{suites.join(" and ")}"
    task(ruby => :test_allocators) do
      passed = matrix.call([ruby])
      puts TestLog.closing("tmp/tests")
      exit 1 unless passed
    end
  end

  desc "Run the Ruby tests on each of #{RubyMatrix::RUBIES.keys.join(", ")}, side by side"
  task(all: :test_allocators) { exit 1 unless matrix.call }

  desc "What came of the last runs of the tests, a line for each Ruby"
  task(:closing) { puts TestLog.closing("tmp/tests") }
end

namespace :test do
  # A machine that is busy for a moment makes tests fail that wait for something; a fault makes them fail again.
  desc "Run once more, alone, the few tests that LOG (as TESTS_LOG has written it) says have failed; each is named"
  task again: :compile do
    most = 20
    failed = File.readlines(ENV.fetch("LOG"), chomp: true).filter_map { |line| line.split("\t")[2] if line.start_with?("failed\t") }.uniq
    abort "none is said to have failed: nothing to run again" if failed.empty?
    abort "#{failed.size} tests have failed, which is no accident" if failed.size > most
    pattern = failed.map { |test| Regexp.escape(test) }.join("|")
    log = "tmp/tests-again.log"
    rm_f log, verbose: false
    sh({"TESTS_LOG" => log}, FileUtils::RUBY, "-w", "-Ilib:test", "-e", "ARGV.take_while { |word| word.end_with?('.rb') }.each { |file| ARGV.shift; require File.expand_path(file) }",
      *FileList["test/**/*_test.rb"], "--name=/\\A(#{pattern})\\z/", verbose: false)
    passed = File.readlines(log, chomp: true).filter_map { |line| line.split("\t")[2] if line.start_with?("passed\t") }
    abort "not run again, or not passed: #{(failed - passed).join(", ")}" unless (failed - passed).empty?
    puts "failed in the whole run, and passed alone: #{failed.join(", ")}"
  end

  # What stands on Ruby's own threads, stacks and compiled code.
  on_ruby = FileList["test/{allocator,sample,census,ledger,process_memory,measurement,after_fork,purge,tune,safe_point,history}_test.rb",
    "test/{sampler,workers,workers_servers,rack_server,rails_app,rails_sampler}_test.rb"]

  {yjit: ["RUBY_YJIT_ENABLE", "compiled by YJIT"], mn_threads: ["RUBY_MN_THREADS", "with Ruby threads on shared native threads"]}.each do |name, (variable, how)|
    desc "Run the tests of core, purge, workers, Rails and Puma #{how}"
    task name => :compile do
      sh({variable => "1"}, FileUtils::RUBY, "-w", "-Ilib:test", "-e", "ARGV.take_while { |word| word.end_with?('.rb') }.each { |file| ARGV.shift; require File.expand_path(file) }",
        *on_ruby, *ENV["TESTOPTS"].to_s.split, verbose: false)
    end
  end
end
