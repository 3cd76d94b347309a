# frozen_string_literal: true

module AllocStats
  module Rack
    class Page
      # An axis from 0 to the first round number that holds everything, with marks at round steps.
      #
      #   Scale.bytes(150 << 20).marks    # => [[0, "0"], [67_108_864, "64 MiB"], [134_217_728, "128 MiB"], ...]
      #   Scale.ago(1800).marks           # => [[0, "now"], [300, "5 min"], [600, "10 min"], ...]
      class Scale
        # How many steps there may be.
        STEPS = {bytes: 4, ago: 6}.freeze

        BYTES = {"GiB" => 1 << 30, "MiB" => 1 << 20, "KiB" => 1 << 10}.freeze
        TIMES = {"h" => 3600, "min" => 60, "s" => 1}.freeze
        SECONDS = [5, 10, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 14400, 21600, 43200].freeze

        # Bytes upwards: steps are powers of two, and the end is a step.
        def self.bytes(largest)
          step = 1 << 20
          step *= 2 while largest > step * STEPS[:bytes]
          steps = [-(-largest / step), 1].max
          new(steps * step, step) { |count| count.zero? ? "0" : label(count, BYTES) }
        end

        # Seconds backwards: the end is where the oldest point is.
        def self.ago(oldest)
          step = SECONDS.find { |seconds| oldest <= seconds * STEPS[:ago] } || -(-oldest / STEPS[:ago]).ceil
          new(oldest, step) { |seconds| seconds.zero? ? "now" : label(seconds, TIMES) }
        end

        # "42 min", to the nearest whole of the largest unit of which it is at least one.
        def self.duration(seconds)
          unit, size = TIMES.find { |_, size| seconds >= size } || TIMES.to_a.last
          "#{seconds.fdiv(size).round} #{unit}"
        end

        # The same with what is left over.
        def self.label(number, units)
          unit, size = units.find { |_, size| number >= size } || units.to_a.last
          format("%g %s", number.fdiv(size).round(2), unit)
        end
        private_class_method :label

        attr_reader :last, :step

        def initialize(last, step, &label)
          @last = last
          @step = step
          @label = label
        end

        # [value, label] of each mark up to the end.
        def marks = (0..(@last / step).floor).map { |index| [index * step, @label.call(index * step)] }

        # Where on the way from 0 to the end a value is, as a number from 0 to 1.
        def at(value) = value.fdiv(@last)
      end
    end
  end
end
