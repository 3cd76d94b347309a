# frozen_string_literal: true

module AllocStats
  module Command
    class Bench
      # The runs of the published benchmark, told: as a table, as what JSON holds, and as lines of a chart.
      class PublishedResult
        HEAD = ["allocator", "profile", "start, MiB", "+ end", "+ settled", "+ purged", "peak", "less", "time, s", "p99, ms"].freeze

        # @param runs [Hash{Configuration => Array<Published::Run>}]
        def initialize(published, runs)
          @published = published
          @runs = runs
          @first = runs.keys.first
        end

        # @return [Array<String>]
        def lines
          ["#{@published}; resident memory over the start, in MiB; medians", "", *Formats::Columns.lines(HEAD, rows), "", note]
        end

        def to_h
          {parameters: @published.parameters, configurations: @runs.map { |configuration, runs| {**configuration.to_h, runs: runs.map(&:to_h)} }}
        end

        # @return [Chart] of the middle runs
        def chart
          Chart.new(title: "Resident memory while strings come and go", subtitle: @published.to_s, x: "seconds", y: "MiB", legend: "at the end of the work",
            note: "a dot: the work has ended; a ring: after AllocStats.purge", lines: @runs.map { |configuration, runs| line(configuration, middle(runs)) })
        end

        private

        def rows
          @runs.map do |configuration, runs|
            over = %i[end settled purged].map { |figure| mib(median(runs) { |run| run.over(figure) }) }
            [configuration.title, configuration.profile || "as it comes", mib(median(runs, &:before)), *over, mib(median(runs, &:peak)),
              less(runs), format("%.1f", median(runs, &:seconds)), format("%.1f", median(runs, &:p99) * 1000)]
          end
        end

        def note
          less = "less: how many times less than #{@first}, at the end; " if @runs.size > 1
          "#{less}p99: of the hundredths of all rounds"
        end

        def less(runs)
          base, own = [@runs.values.first, runs].map { |each| median(each) { |run| run.over(:end) } }
          return "all" if own <= 0
          format("%.1f x", base.fdiv(own))
        end

        def median(runs, &value) = Statistics.median(runs.map(&value))

        # That of the middle resident memory at its end.
        def middle(runs) = runs.sort_by(&:end)[(runs.size - 1) / 2]

        def line(configuration, run)
          marks = [[run.ended_at, run.end, :dot], [run.purged_at, run.purged, :ring]].map { |x, y, kind| [x, y.fdiv(MIB), kind] }
          Chart::Line.new(name: configuration.to_s, group: configuration.title, points: run.memory.map { |x, y| [x, y.fdiv(MIB)] }, marks: marks, value: run.end.fdiv(MIB))
        end

        def mib(bytes) = format("%.1f", bytes.fdiv(MIB))

        MIB = 1 << 20
        private_constant :MIB
      end
    end
  end
end
