# frozen_string_literal: true

require "support/child_process"
require "support/prometheus_server"

# For tests of metrics in the registry of a real gem, each in a process of its own: there is one registry for all. A test
# class has in GEMS what is loaded with allocstats.
module Registries
  # What came of code that runs where the gems are.
  def child_result(code)
    ChildProcess.ruby(code, bundler: true, require: ["bundler/setup", "allocstats", *self.class::GEMS])
  end

  # The value of its last expression.
  def child(code) = child_result(code).value

  # That two texts in Prometheus's format have samples of the same names and labels, whatever their numbers.
  def assert_same_series(expected, text)
    assert_equal(*[expected, text].map { |each| each.lines.grep_v(/^#/).map { |line| line[/\A(.+) \S+$/, 1] }.sort })
  end
end
