# frozen_string_literal: true

module AllocStats
  class Diagnosis
    class Growth
      # Over the points of a history.
      class History < Growth
        # Those that count beside rss, as they stand in a point, and in the order of Layers.
        COLUMNS = AllocStats::History::Point.members.drop(1).freeze

        # @param points [Array<Array>] [seconds, and then what History::Point has], oldest first
        # @param limit [Limits::Limit] over which time, and from when on it counts
        # @return [String, nil] why nothing can be said of them yet
        def self.too_short(points, limit)
          seconds = points.empty? ? 0 : points.last.first - points.first.first
          needed = limit.seconds * Thresholds::GROWTH_SPAN
          return if points.size >= Thresholds::GROWTH_POINTS && seconds >= needed
          "warming up: the history has #{points.size} points of #{(seconds / 60).floor} minutes, and growth is told from #{Thresholds::GROWTH_POINTS} points and #{(needed / 60).ceil} minutes on"
        end

        # @param kept [Hash, nil] as Growth has it
        def initialize(points, limit, kept: nil)
          @points = points
          @limit = limit
          span = points.last.first - points.first.first
          thirds = points.each_slice((points.size / 3.0).ceil).map { |third| third.map { |point| layers(point) } }
          steps = [*LAYERS.keys, :kept_counted, :malloc_counted].to_h { |name| [name, thirds.map { |third| middle(third.map { |point| point[name] }) }] }
          # From the middle of the first third to that of the last.
          super(steps: steps.slice(*LAYERS.keys), counted: {kept: steps[:kept_counted], malloc: steps[:malloc_counted]}, seconds: span * 2 / 3.0, kept: kept, source: "the medians of the thirds of #{(span / 60).round} minutes")
        end

        def rate = @rate ||= AllocStats::History.slope(@points)&.*(HOUR)

        private

        def level = @limit

        def measure = rate

        # Of a layer that was not measured in half of the points nothing is said.
        def middle(values)
          Statistics.median(values) if values.count(nil) * 2 <= values.size
        end

        # What an allocator has committed can be more than is resident: no layer has more than is left for it.
        def layers(point)
          told = COLUMNS.zip(point.drop(1)).to_h
          told.update(kept_counted: told[:kept], malloc_counted: told[:malloc])
          proven = told.values_at(:ruby_heap, :files, :stacks)
          return told.merge(other: nil) if told[:rss].nil? || proven.any?(nil)
          left = [told[:rss] - proven.sum, 0].max
          names = (told[:live] && told[:kept]) ? [:live, :kept] : [:malloc]
          names.each do |name|
            told[name] &&= told[name].clamp(0, left)
            left = (told[name] && left) ? left - told[name] : nil
          end
          told.merge(other: left)
        end
      end
    end
  end
end
