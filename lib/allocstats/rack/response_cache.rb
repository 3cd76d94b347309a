# frozen_string_literal: true

module AllocStats
  module Rack
    # What the endpoint answers with, each made of one Snapshot by one caller at a time and then good for all who come within
    # a moment.
    class ResponseCache
      # How long an answer serves: short for an eye, long for a burst.
      SECONDS = 1

      # A census may walk the heap while malloc waits: it serves longer by this factor.
      CENSUS = 10

      # snapshot::      where the status document comes from; nil for this process
      # cache_seconds:: how long an answer serves; 0 for no time, and still one at a time
      # health::        options of AllocStats.health
      # @raise [InvalidValue, UnknownName]
      def initialize(snapshot: nil, cache_seconds: SECONDS, health: {})
        raise InvalidValue, "cache_seconds is a number from 0 to 3600, not #{cache_seconds.inspect[0, 80]}" unless Measured.within?(0..3600, cache_seconds)

        raise InvalidValue, "health is a Hash of what AllocStats.health takes, not #{health.inspect[0, 80]}" unless health.is_a?(Hash)

        @seconds = cache_seconds
        @limits = Diagnosis::Limits.new(**health)
        @snapshot = snapshot || -> { Snapshot.new(limits: @limits) }
        take_documents
        @lock = Mutex.new
        @peers = {}
      end

      # @return [StatusDocument]
      def document = @document.value

      # @return [Hash] the same as the page shows it
      def shown = @shown.value

      # @return [String] the same as JSON
      def json = @json.value

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
        [@health, @document, @shown, @json, @diagnosis, *@metrics.values, *@parts.values, *@lock.synchronize { @peers.values }].each(&:forget)
      end

      private

      def take_documents
        @document = shared { StatusDocument.new(@snapshot.call) }
        @shown = shared { @document.value.shown }
        @json = shared { @document.value.json }
        @diagnosis = shared { @document.value.diagnosis }
        @health = shared { Snapshot.new(limits: @limits).health }
        @metrics = Formats::Prometheus::TYPES.keys.to_h { |format| [format, shared { Formats::Prometheus.generate(Snapshot.new(limits: @limits).metrics, format) }] }
        @census = SharedValue.new(seconds: @seconds * CENSUS) { Formats::Json.generate(AllocStats.census) }
        @parts = [:history, :workers, :settings].to_h { |part| [part, shared { Formats::Json.generate(AllocStats.public_send(part)) }] }
      end

      def shared(&take) = SharedValue.new(seconds: @seconds, &take)
    end
  end
end
