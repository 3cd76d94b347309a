# frozen_string_literal: true

module AllocStats
  module Rack
    class Page
      # The geometry of several lines over time, newest at the right, in a box of WIDTH by HEIGHT units, of which the
      # drawing makes as many pixels as it has.
      #
      #   chart = Chart.new([[1763690000.0, 184_000_000, nil], ...], every: 10)
      #   chart.path(0)     # => "M0 281h0L28 281L56 280": the first line; where nothing was measured, no line
      class Chart
        WIDTH = 10_000
        HEIGHT = 1000

        # So many times the distance of two points without one are a gap, not a line from what is before to what is after.
        GAP = 3.5

        # The least time that is shown, in how many strips it is told as text, and the most points that are drawn.
        SECONDS = 60
        STRIPS = 25
        MOST = 360

        attr_reader :points

        # points:: Arrays of a time in seconds and the lines' values, bytes or nil; two or more, in the order of time
        # every::  seconds between two of them
        def initialize(points, every:)
          @newest = points.last.first
          size = -(-points.size / MOST)
          @points = points.each_slice(size).map { |few| few.max_by { |_, first, *| first || 0 } }
          @gap = every * size * GAP
        end

        # The box.
        def width = WIDTH

        def tall = HEIGHT

        # Bytes upwards, and seconds backwards.
        def height = @height ||= Scale.bytes(points.flat_map { |_, *values| values.compact }.max || 0)

        def time = @time ||= Scale.ago([ago(points.first.first), SECONDS].max)

        # How long before the newest point a time was.
        def ago(at) = @newest - at

        # The line of this index as the d of a path: a dot where it begins anew, so that a point alone is seen as well.
        def path(line)
          before = nil
          points.filter_map { |at, *values|
            next before = nil unless values[line]
            joined = before && at - before <= @gap
            before = at
            joined ? "L#{x(at)} #{y(values[line])}" : "M#{x(at)} #{y(values[line])}h0"
          }.join
        end

        # For telling in words: of each strip that has points its place and width in units, and its newest point; oldest
        # first.
        def strips
          width = WIDTH / STRIPS
          points.group_by { |at, *| [(place(at) * STRIPS).floor, STRIPS - 1].min }.map { |index, few| [index * width, width, few.last] }
        end

        private

        # From 0 at the left to 1 at the right.
        def place(at) = 1 - time.at(ago(at))

        def x(at) = (place(at) * WIDTH).round

        def y(bytes) = ((1 - height.at(bytes)) * HEIGHT).round
      end
    end
  end
end
