# frozen_string_literal: true

module AllocStats
  module Command
    class Bench
      # A server that runs already: its memory is read of a process of this machine, or at its endpoint.
      class RunningServer
        attr_reader :url

        # @param pid [String, nil]
        def initialize(url, endpoint: nil, pid: nil)
          @url = url
          @remote = Remote.new(endpoint || "#{url}/allocator", token: ENV["ALLOCSTATS_CHANGE_TOKEN"])
          @processes = Processes.new(Pid.process(pid).pid) if pid
        end

        # @yield while it runs
        def up
          memory
          yield
        end

        # Bytes of all its processes together.
        # @return [Integer]
        # @raise [Failure]
        def memory
          (@processes ? @processes.bytes : reported) or raise Failure.new("the server's memory cannot be read: it has ended, or does not report", status: UNAVAILABLE)
        end

        # What it runs under, as far as it says.
        def to_s
          worker = @processes ? {} : workers.first.to_h
          title = [worker[:allocator], worker[:version]].grep(String).join(" ")
          title.empty? ? Remote.new(@url).address : Formats.line(title)
        end

        # @return [String, nil] why it cannot be purged, nil where it was
        def purge
          @remote.post("purge", workers: "all")
          nil
        rescue Failure => failure
          failure.message
        end

        private

        def workers
          found = @remote.get("workers.json")[:workers]
          found.is_a?(Array) ? found.grep(Hash).reject { |worker| worker[:alive] == false } : []
        end

        # What each of them has resident; nil where one does not say.
        def reported
          figures = workers.map { |worker| worker[:figures].to_h }
          figures.sum { |figure| figure.fetch(:rss) } unless figures.empty?
        rescue KeyError, TypeError, NoMethodError
          nil
        end
      end
    end
  end
end
