# frozen_string_literal: true

require "test_helper"
require "support/under_each"

# What a profile says against what was really allocated, under each allocator: sites of known bytes, mixed.
module HeapProfileAccuracyTests
  SIZES = [16, 100, 1_000, 10_000, 100_000, 1 << 20].freeze
  SITE_BYTES = 8 << 20
  ROUNDS = 4
  # Three errors are exceeded once in 370 times; of so many sites by so many at most, or something is wrong.
  MOST_OUTSIDE = 4

  # Fiddle.malloc asks malloc for exactly so many bytes. The sites take turns, as in a program they would.
  MEASURE = <<~RUBY
    require "fiddle"
    sizes, site_bytes, interval = #{SIZES.inspect}, #{SITE_BYTES}, INTERVAL
    sites = sizes.to_h { |size| [size, eval("->(count) { Array.new(count) { Fiddle.malloc(\#{size}) } }", nil, "site_\#{size}", 1)] }
    Array.new(#{ROUNDS}) do
      blocks = Hash.new { |hash, size| hash[size] = [] }
      profile = AllocStats.heap_profile(interval: interval) do
        8.times { sites.each { |size, site| blocks[size].concat(site.call(site_bytes / size / 8)) } }
        blocks.each_value { |all| all.shift(all.size / 2).each { |block| Fiddle.free(block) } }
      end
      # the array's own bytes are under the same line, and under another method
      rows = profile.rows.select { |row| row.name.method_name.to_s.end_with?("malloc") }.group_by { |row| File.basename(row.name.line.path) }
      answer = sizes.map do |size|
        site = rows.fetch("site_\#{size}", [])
        [size, blocks[size].size, site.sum { |row| row.live.bytes }, site.sum { |row| row.total.bytes }]
      end
      blocks.each_value { |all| all.each { |block| Fiddle.free(block) } }
      answer
    end
  RUBY

  # One standard error of a sum of `count` blocks, as chance makes it and not as the samples tell it.
  def error(count, size, interval)
    probability = 1 - Math.exp(-size.fdiv(interval))
    Math.sqrt(count * size**2 * (1 - probability) / probability) + 1e-6 * count * size
  end

  def test_each_site_within_three_errors_and_the_sum_within_a_twentieth
    outside = []
    [16, 64, 512].each do |kilobytes|
      interval = kilobytes * 1024
      rounds = child(MEASURE.sub("INTERVAL", interval.to_s), timeout: 120)
      figures = rounds.flatten(1).flat_map { |size, alive, live, total| [[size, alive, live], [size, SITE_BYTES / size / 8 * 8, total]] }
      figures.each { |size, count, told| outside << [kilobytes, size, count * size, told] if (told - count * size).abs > 3 * error(count, size, interval) }
      truth = figures.sum { |size, count, _| count * size }
      bound = [truth / 20, 3 * Math.sqrt(figures.sum { |size, count, _| error(count, size, interval)**2 })].max
      assert_in_delta truth, figures.sum(&:last), bound, "every #{kilobytes} KiB"
    end
    assert_operator outside.size, :<=, MOST_OUTSIDE, outside.inspect
  end

  # What one thread allocates and another frees is gone.
  def test_frees_from_other_threads
    live = child(<<~RUBY)
      require "fiddle"
      queue, done = Queue.new, Queue.new
      profile = AllocStats.heap_profile(interval: 4096) do
        freeing = Thread.new { while (block = queue.pop) do Fiddle.free(block) end }
        makers = Array.new(4) { Thread.new { 2_000.times { queue << Fiddle.malloc(1_000) } } }
        makers.each(&:join)
        queue << nil
        freeing.join
      end
      row = profile.by(:line).select { |one| one.name.start_with?("-e:") || one.name.include?("/-e:") }
      [row.sum { |one| one.live.bytes }, row.sum { |one| one.total.bytes }]
    RUBY
    assert_operator live[1], :>, 7_000_000
    assert_operator live[0], :<, live[1] / 20
  end

  UnderEach.of(self)
end
