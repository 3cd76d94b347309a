# frozen_string_literal: true

$LOAD_PATH.unshift File.expand_path("../../lib", __dir__), File.expand_path("../../test", __dir__)

require "support/allocators"
require "support/child_process"
require "allocstats"

# What the benchmarks share: every one is a command that measures both sides in one run, in processes of their own, and
# prints medians and their ratio. None of them judges.
module Bench
  module_function

  def median(values) = AllocStats::Statistics.median(values)

  # The middle and, in brackets, the extremes.
  def spread(values, digits: 2)
    format("%.#{digits}f (%.#{digits}f to %.#{digits}f)", median(values), values.min, values.max)
  end

  # Allocators that are on this machine; says which are not.
  def allocators(names = ARGV)
    TestAllocators.select do |entry|
      next false unless names.empty? || names.any? { |name| entry.key.start_with?(name) }
      warn "left out: #{entry.missing}" if entry.missing
      warn "note: #{entry.moved}" if entry.moved
      entry.available?
    end
  end

  # Rows of cells as columns: the first flush left, the others right.
  def table(head, rows)
    puts AllocStats::Formats::Columns.lines(head, rows)
  end

  def machine
    "#{RUBY_ENGINE} #{RUBY_VERSION}, #{Etc.uname[:sysname]} #{Etc.uname[:release]} #{Etc.uname[:machine]}, #{Etc.nprocessors} processors"
  end
end
