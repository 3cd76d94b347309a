# frozen_string_literal: true

module AllocStats
  module Command
    class Top
      # The workers behind an endpoint; whichever of them answers knows of all.
      class Endpoint
        # named:: whether rows say which endpoint they are of
        def initialize(url, named: false)
          @remote = Remote.new(url)
          @prefix = "#{@remote.address[%r{//([^/]+)}, 1]} " if named
        end

        # @return [Array<Row>]
        # @raise [Failure]
        def rows
          workers = @remote.get("workers.json")[:workers]
          raise Failure.new("#{@remote.address} answers without workers", status: UNAVAILABLE) unless workers.is_a?(Array)
          workers.grep(Hash).map { |worker| row(worker) }
        end

        # It may be starting again.
        def ended? = false

        private

        # What comes from elsewhere is taken for what it claims to be only where it is that.
        def row(worker)
          figures = worker[:figures].is_a?(Hash) ? worker[:figures] : {}
          bytes = %i[rss pss live kept].to_h { |name| [name, integer(figures[name])] }
          Row.new(name: "#{@prefix}#{text(worker[:index])}", pid: integer(worker[:pid]), allocator: allocator(worker), remark: remark(worker), **bytes)
        end

        def allocator(worker)
          [worker[:allocator], worker[:version]].grep(String).map { |part| text(part) }.join(" ").then { |name| name unless name.empty? }
        end

        def remark(worker)
          return "gone" if worker[:alive?] == false || worker[:alive] == false
          "silent#{" for #{worker[:age].round} s" if worker[:age].is_a?(Numeric)}" if worker[:stale?] || worker[:stale]
        end

        def integer(value) = (value if value.is_a?(Integer))

        def text(value) = Formats.line(value)[0, 40]
      end
    end
  end
end
