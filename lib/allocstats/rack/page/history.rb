# frozen_string_literal: true

module AllocStats
  module Rack
    class Page
      # How the resident set and the allocator's part of it went over time, in this process: over an hour, and over the day
      # where it has run for longer.
      class History < Section
        template "history"
        heading "history", "How it went", "History"

        # In the order of a point's values; the class of the line, and what it is called.
        LINES = {rss: "resident (RSS)", live: "live in malloc", kept: "kept by malloc"}.freeze

        # So many points make a line.
        FEWEST = 2

        HOUR = 3600

        # From when on a process is worth a line of more than an hour, in which a point is a minute's.
        LONG = 1.5 * HOUR
        MINUTE = 60

        # A drawing: its id, and what it has.
        Drawing = Struct.new(:id, :chart)

        private

        def lines = LINES

        # In the order of time, also where the clock was set back.
        def points = @points ||= shown(:history).fetch(:points, []).sort_by(&:first)

        def interval = shown(:history)[:interval]

        def newest = points.last.drop(1)

        def drawings
          @drawings ||= (interval && points.size >= FEWEST) ? [hour, day].compact : []
        end

        def hour
          recent = points.select { |at, *| points.last.first - at <= HOUR }
          Drawing.new("hour", Chart.new(recent, every: interval)) if recent.size >= FEWEST
        end

        def day
          Drawing.new("day", Chart.new(points, every: [interval, MINUTE].max)) if points.last.first - points.first.first > LONG
        end

        # In percent of the chart's width from the left, and of its height from the top.
        def left(chart, seconds) = coordinate(100 * (1 - chart.time.at(seconds)))

        def top(chart, bytes) = coordinate(100 * (1 - chart.height.at(bytes)))

        # A mark at the very edge would be cut off in its middle.
        def anchor(chart, seconds)
          place = 1 - chart.time.at(seconds)
          return "end" if place > 0.97
          (place < 0.04) ? "start" : "middle"
        end

        # "resident (RSS) between 170.1 MiB and 184.3 MiB", of each line that has points.
        def description(chart)
          ranges = LINES.values.each_with_index.filter_map { |name, index|
            least, most = chart.points.filter_map { |point| point[index + 1] }.minmax
            "#{name} between #{plain_bytes(least)} and #{plain_bytes(most)}" if least
          }
          "Over #{span(chart)}: #{listed(ranges)}."
        end

        def span(chart) = Scale.duration(chart.ago(chart.points.first.first))

        # What is not drawn, and why nothing is.
        def remark
          return "Of pid #{shown_pid}; a sample every #{format("%g", interval)} s.#{unmeasured}" if drawings.any?
          return "Nothing is sampled in this process: AllocStats.start begins it, which a Rails server does by itself." unless interval
          "Sampled every #{format("%g", interval)} s; a line needs two samples, and there #{(points.size == 1) ? "is one" : "are none"} yet."
        end

        def unmeasured
          names = LINES.values.each_with_index.filter_map { |name, index| name if points.all? { |point| point[index + 1].nil? } }
          names.empty? ? "" : " Not measured, or not cheaply: #{listed(names)}."
        end

        def clock(at) = Time.at(at).utc.strftime("%H:%M:%S")

        # When a point was, as one says it.
        def moment(chart, at)
          seconds = chart.ago(at)
          (seconds < 1) ? "now" : "#{Scale.duration(seconds)} ago"
        end

        def told((_, *values)) = LINES.values.zip(values).map { |name, value| "#{name} #{plain_bytes(value)}" }.join(", ")
      end
    end
  end
end
