# frozen_string_literal: true

require "test_helper"
require "support/puma_server"
require "support/rails_app"
require "allocstats/command"
require "tmpdir"

# What else a Ruby may be, where nothing is wrong: the doctor keeps quiet.
class DiagnosisFalseAlarmTest < Minitest::Test
  def test_an_irb
    input = "require 'allocstats'\nputs 'v' + 'erdict=' + AllocStats.doctor.verdict.to_s\n"
    %w[glibc jemalloc-5.3.0 mimalloc-3.6.0].map { |key| TestAllocators[key] }.select(&:available?).each do |entry|
      out = IO.popen(PumaServer.environment(PumaServer::GEMFILE).merge("BUNDLE_GEMFILE" => nil).merge(entry.env), [RbConfig.ruby, "-rirb", "-I#{ChildProcess::LIB}", "-e", "IRB.start", "--", "-f", "--nomultiline"], "r+") { |io|
        io.write(input)
        io.close_write
        io.read
      }
      assert_includes out, "verdict=healthy", "#{entry}: #{out}"
    end
  end

  def test_a_rake
    Dir.mktmpdir do |folder|
      File.write("#{folder}/Rakefile", "task(:default) { puts AllocStats.doctor.to_s }\nrequire 'allocstats'\n")
      said = ChildProcess.command(RbConfig.ruby, "-I#{ChildProcess::LIB}", "-S", "rake", chdir: folder).stdout
      assert_match(/\AThis process \(\d+, .*rake\), under glibc [\d.]+, is healthy: \d+ checks, nothing found/, said.split.join(" ")) # broken into lines
    end
  end

  def test_a_rails_application
    skip RailsApp.missing if RailsApp.missing
    %w[glibc jemalloc-5.3.0].map { |key| TestAllocators[key] }.select(&:available?).each do |entry|
      RailsApp.run(allocator: entry, env: {"ALLOCSTATS_TOKEN" => "a-secret-of-the-test"}) do |server|
        2.times { server.burst(5, "/") }
        remote = AllocStats::Command::Remote.new("http://127.0.0.1:#{server.port}/allocator", token: "a-secret-of-the-test")
        target = AllocStats::Diagnosis::Target::Remote.new(-> { remote.get("report.json") }, address: remote.address)
        diagnosis = AllocStats::Diagnosis.of(target)
        assert_predicate diagnosis, :healthy?, "#{entry}: #{diagnosis}"
        [server.pid, *server.children].each do |pid|
          diagnosis = AllocStats.doctor(pid: pid)
          assert_predicate diagnosis, :healthy?, "#{entry}: #{diagnosis}"
        end
      end
    end
  end
end
