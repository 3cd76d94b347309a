# frozen_string_literal: true

module AllocStats
  module Rack
    # What the endpoint shows, each taken by one caller at a time and then good for all who come within a moment.
    class Readings
      # How long a reading serves: short for an eye, long for a burst.
      SECONDS = 1

      # A census may walk the heap while malloc waits: it serves longer by this factor.
      CENSUS = 10

      # report::        where the report comes from
      # cache_seconds:: how long a reading serves; 0 for no time, and still one at a time
      # health::        options of AllocStats.health
      # @raise [InvalidValue, UnknownName]
      def initialize(report: -> { AllocStats.report }, cache_seconds: SECONDS, health: {})
        raise InvalidValue, "cache_seconds is a number from 0 to 3600, not #{cache_seconds.inspect[0, 80]}" unless Measured.within?(0..3600, cache_seconds)

        raise InvalidValue, "health is a Hash of what AllocStats.health takes, not #{health.inspect[0, 80]}" unless health.is_a?(Hash)

        @seconds = cache_seconds
        limits = Diagnosis::Limits.new(**health)
        @health = shared { Health.new(limits) }
        @overview = shared { Overview.new(report.call, health: @health.value) }
        @diagnosis = shared { Diagnosis.of(Diagnosis::Target::Cheap.new(limits: limits)) }
        @census = SharedReading.new(seconds: cache_seconds * CENSUS) { Formats::Json.generate(AllocStats.census) }
        @metrics = Formats::Prometheus::TYPES.keys.to_h { |format| [format, shared { Formats::Prometheus.generate(AllocStats.metrics(health: health), format) }] }
        @lock = Mutex.new
        @peers = {}
        @parts = [:history, :workers, :settings].to_h { |part| [part, shared { Formats::Json.generate(AllocStats.public_send(part)) }] }
      end

      # @return [Overview]
      def overview = @overview.value

      # @return [Health]
      def health = @health.value

      # What the doctor finds in this process, without a census.
      # @return [Diagnosis]
      def diagnosis = @diagnosis.value

      # @return [String] in :prometheus or :openmetrics
      def metrics(format) = @metrics.fetch(format).value

      # @return [String] JSON
      def census = @census.value

      # name:: :history, :workers or :settings
      # @return [String] JSON
      def part(name) = @parts.fetch(name).value

      # Another worker, by its index. Each is read apart, and only those there are.
      # @return [Hash, nil]
      def peer(index)
        return unless AllocStats.workers.any? { |worker| worker.index == index && !worker.self? && worker.alive? }
        @lock.synchronize { @peers[index] ||= shared { Peer.new(index).to_h } }.value
      end

      # After something was changed the next caller sees what came of it.
      def forget
        [@health, @overview, @diagnosis, *@metrics.values, *@parts.values, *@lock.synchronize { @peers.values }].each(&:forget)
      end

      private

      def shared(&take) = SharedReading.new(seconds: @seconds, &take)
    end
  end
end
