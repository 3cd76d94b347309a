# frozen_string_literal: true

module AllocStats
  # What durations and deadlines are told by: a clock that nobody sets.
  module Clock
    # Seconds since a moment that is the same for all processes of this machine until it is started again.
    # @return [Float]
    def self.now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
  end
end
