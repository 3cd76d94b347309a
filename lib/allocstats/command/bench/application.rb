# frozen_string_literal: true

module AllocStats
  module Command
    class Bench
      # One run of an application: the warm-up, the requests interval by interval with the memory after each, a rest, and a
      # purge.
      class Application
        # After an interval: requests and seconds since the warm-up, those of the interval, failures in it, and bytes.
        Interval = Struct.new(:requests, :seconds, :rate, :failures, :memory, keyword_init: true)

        # `before` are bytes after the warm-up, `settled` and `purged` after the rest and the purge (nil where it did not come
        # to that); `no_purge` says why it was not purged.
        Run = Struct.new(:before, :intervals, :latencies, :settled, :purged, :no_purge, keyword_init: true) do
          def end = intervals.last&.memory

          def requests = intervals.last&.requests

          def seconds = intervals.last&.seconds

          def failures = intervals.sum(&:failures)

          def p99 = Statistics.percentile(latencies, 0.99)

          # Bytes for each request, and for each second under this load, by a line through the intervals.
          def growth_by_request = Statistics.slope(points.map { |requests, _, memory| [requests, memory] })

          def growth_by_second = Statistics.slope(points.map { |_, seconds, memory| [seconds, memory] })

          # [requests, seconds, bytes], from the end of the warm-up on
          def points = [[0, 0.0, before], *intervals.map { |interval| [interval.requests, interval.seconds, interval.memory] }]

          def to_h
            {before: before, end: self.end, settled: settled, purged: purged, no_purge: no_purge, requests: requests, failures: failures, seconds: seconds,
             p99: p99, growth_by_request: growth_by_request, growth_by_second: growth_by_second, intervals: intervals.map(&:to_h)}
          end
        end

        attr_reader :requests, :paths

        # @param warmup [Integer, nil] nil for a quarter of the requests
        def initialize(paths:, requests:, intervals:, clients:, settle:, headers:, progress:, warmup: nil, boot: nil)
          @paths = paths
          @requests = requests
          @warmup = warmup || [requests / 4, 1].max
          @laps = laps(intervals)
          @clients = clients
          @settle = settle
          @headers = headers
          @progress = progress
        end

        # @param server [StartedServer, RunningServer]
        # @param runs [Array<Run>] gets the run as soon as there is something in it
        # @raise [Failure]
        def run(server, runs)
          server.up do
            load = Load.new(server.url, paths: @paths, clients: @clients, headers: @headers)
            warm_up(load)
            run = Run.new(before: server.memory, intervals: [], latencies: [])
            @laps.each do |requests|
              note(run, load.run(requests), server)
              runs << run if run.intervals.size == 1
              @progress.at("#{run.requests} of #{@requests} requests")
            end
            rest(run, server)
          end
        end

        def to_s
          "#{Formats::Units.count(@requests)} requests by #{@clients} clients, after #{Formats::Units.count(@warmup)} to warm up, for #{(@paths.size == 1) ? @paths.first : "#{@paths.size} paths"}"
        end

        def to_h = {requests: @requests, warmup: @warmup, intervals: @laps.size, clients: @clients, settle: @settle, paths: @paths}

        private

        # All requests, in parts that differ by one at most.
        def laps(count)
          Array.new(count) { |i| @requests * (i + 1) / count - @requests * i / count }
        end

        # An application that answers nothing well is not what was meant.
        def warm_up(load)
          @progress.at("warming up")
          lap = load.run(@warmup)
          raise Failure.new("none of #{lap.requests} requests was answered well: #{lap.why}", status: UNAVAILABLE) if lap.failures == lap.requests
        end

        def note(run, lap, server)
          run.latencies.concat(lap.latencies)
          run.intervals << Interval.new(requests: run.requests.to_i + lap.requests, seconds: run.seconds.to_f + lap.seconds,
            rate: lap.requests / lap.seconds, failures: lap.failures, memory: server.memory)
        end

        def rest(run, server)
          @progress.at("resting")
          sleep @settle
          run.settled = server.memory
          run.no_purge = server.purge
          run.purged = server.memory unless run.no_purge
        end
      end
    end
  end
end
