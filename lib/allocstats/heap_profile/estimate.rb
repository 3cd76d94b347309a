# frozen_string_literal: true

module AllocStats
  module HeapProfile
    # A sum over samples: unbiased, with what chance makes of it. Each sampled block of `size` bytes stands for
    # 1 / (1 - exp(-size / interval)) of its kind.
    #
    # - `samples` (Integer) what it rests on
    # - `objects`, `bytes` (Float)
    # - `objects_variance`, `bytes_variance` (Float)
    Estimate = Struct.new(:samples, :objects, :objects_variance, :bytes, :bytes_variance) do
      def self.sum(estimates) = estimates.sum(self::NONE)

      def +(other) = combine(other) { |mine, its| mine + its }

      # Of a sum that holds the other one: both rest on the same samples.
      def -(other) = combine(other) { |mine, its| [mine - its, 0].max }

      # One standard error: two thirds of all profiles are no further off, and 99.7 % no further than three.
      def error = Math.sqrt(bytes_variance)

      def objects_error = Math.sqrt(objects_variance)

      def zero? = samples.zero?

      def to_i = bytes.round

      def to_h = {samples: samples, objects: objects, objects_error: objects_error, bytes: to_i, error: error.round}

      def to_s = "#{Formats::Units.inline_bytes(to_i)} ± #{Formats::Units.inline_bytes(error.round)}"

      private

      def combine(other)
        self.class.new(*to_a.zip(other.to_a).map { |mine, its| yield(mine, its) }).freeze
      end
    end

    Estimate::NONE = Estimate.new(0, 0.0, 0.0, 0.0, 0.0).freeze
  end
end
