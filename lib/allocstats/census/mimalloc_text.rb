# frozen_string_literal: true

module AllocStats
  class Census
    # What mimalloc's mi_stats_print_out prints on versions without JSON: rows of `name: peak total freed current`, with
    # units and one decimal, so bytes come back rounded and are no figures: only details. A row that falls below zero was counted by a build without
    # statistics and says nothing.
    module MimallocText
      UNITS = {"" => 1, "KiB" => 1 << 10, "MiB" => 1 << 20, "GiB" => 1 << 30, "TiB" => 1 << 40}.freeze
      NUMBER = /(-?\d+(?:\.\d+)?) ?([KMGT]iB)?/
      ROW = /^\s*(?<name>-?\w[\w ]*?):\s+(?<cells>(?:#{NUMBER}\s+){4})/
      BYTES = %w[reserved committed].freeze

      def self.parse(text)
        raise ArgumentError, "no table of statistics" unless text.include?("heap stats")
        current = text.each_line.map { |line| row(line) }.compact.to_h
        {details: current.slice(*BYTES).transform_keys(&:to_sym)}
      end

      def self.row(line)
        match = ROW.match(line) or return
        value = match[:cells].scan(NUMBER).map { |number, unit| scale(number, unit) }.last
        [match[:name].delete_prefix("-"), value] unless value.negative?
      end

      def self.scale(number, unit)
        (Float(number) * UNITS.fetch(unit.to_s)).round
      end
      private_class_method :row, :scale
    end
  end
end
