# frozen_string_literal: true

module AllocStats
  module Command
    class Bench
      # The runs of an application, told: as tables, as what JSON holds, and as lines of a chart.
      class ApplicationResult
        HEAD = ["under", "warm, MiB", "end", "settled", "purged", "MiB/1000 req.", "MiB/hour", "req./s", "p99, ms", "failed"].freeze
        MIB = 1 << 20
        private_constant :MIB

        # @param runs [Hash{Configuration, nil => Array<Application::Run>}] nil for a server that ran already
        def initialize(application, runs)
          @application = application
          @runs = runs
        end

        # @return [Array<String>]
        def lines
          ["#{@application}; memory of all its processes, in MiB; medians", "", *Formats::Columns.lines(HEAD, @runs.map { |each, runs| row(each, runs) }),
            "", *by_interval, *remarks]
        end

        def to_h
          {parameters: @application.to_h, configurations: @runs.map { |configuration, runs| {**configuration.to_h, runs: runs.map(&:to_h)} }}
        end

        # @return [Chart] of the middle runs
        def chart
          Chart.new(title: "Memory of the application by requests", subtitle: @application.to_s, x: "requests", y: "MiB", legend: "at the end",
            lines: @runs.map { |configuration, runs| line(configuration, middle(runs)) })
        end

        private

        def row(configuration, runs)
          [name(configuration), *%i[before end settled purged].map { |figure| mib(median(runs, &figure)) },
            mib(median(runs, &:growth_by_request)&.*(1000), "%+.2f"), mib(median(runs, &:growth_by_second)&.*(3600), "%+.1f"),
            format("%.1f", median(runs) { |run| run.requests / run.seconds }), format("%.1f", median(runs, &:p99) * 1000), runs.sum(&:failures)]
        end

        # Of the middle run of each.
        def by_interval
          middle = @runs.map { |configuration, runs| [name(configuration), middle(runs).intervals] }
          longest = middle.map(&:last).max_by(&:size)
          rows = longest.each_with_index.map do |interval, index|
            [interval.requests, *middle.flat_map { |_, intervals| intervals[index] ? [mib(intervals[index].memory), format("%.1f", intervals[index].rate)] : ["-", "-"] }]
          end
          Formats::Columns.lines(["requests", *middle.flat_map { |name, _| ["#{name}: MiB", "req./s"] }], rows)
        end

        def remarks
          why = @runs.values.flatten.filter_map(&:no_purge).uniq
          why.empty? ? [] : ["", *why.map { |sentence| "not purged: #{sentence}" }]
        end

        def median(runs, &value) = Statistics.median(runs.map(&value))

        def middle(runs) = runs.sort_by(&:end)[(runs.size - 1) / 2]

        def line(configuration, run)
          Chart::Line.new(name: name(configuration), group: configuration&.title, points: run.points.map { |requests, _, bytes| [requests, bytes.fdiv(MIB)] },
            marks: [[run.requests, run.end.fdiv(MIB), :dot]], value: run.end.fdiv(MIB))
        end

        def name(configuration) = configuration ? configuration.to_s : "as it runs"

        def mib(bytes, pattern = "%.1f") = bytes ? format(pattern, bytes.fdiv(MIB)) : "-"
      end
    end
  end
end
