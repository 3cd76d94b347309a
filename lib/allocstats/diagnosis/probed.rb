# frozen_string_literal: true

module AllocStats
  class Diagnosis
    # What a check shares that is asked for by probes as well (Health): it measures one thing, and its levels are
    # Limits'. The finding and the probe's status follow of the same `reached`, so they cannot disagree; a probe only has
    # more patience.
    module Probed
      # Whether there was anything to be measured, and why not.
      def measured? = true

      def unmeasured = nil

      # The worst level that is reached now.
      # @return [Symbol, nil] :warn or :fail
      def level = worst&.first

      # Whether a level is reached.
      # @param limit [Limits::Limit]
      # @return [Boolean, Time, nil] since when, as far as that is known from a history
      def reached?(limit) = raise(NotImplementedError)

      # What was measured, in the probe's unit.
      def value = raise(NotImplementedError)

      # A sentence of what was measured, without its full stop.
      def sentence = raise(NotImplementedError)

      private

      def worst
        @worst ||= target.limits.reached(self.class.probe.limit) { |limit| reached?(limit) }
      end

      # "this counts from 40 % and 64 MiB of the resident set on"
      def counts_from(whole) = "this counts from #{worst.last} of #{whole} on"

      def severity = Check::SEVERITIES.fetch(level)
    end
  end
end
