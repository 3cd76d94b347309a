# frozen_string_literal: true

module AllocStats
  module Allocators::Mimalloc
    # What a census takes of mimalloc's mi_stats_get_json (1.9.2, 2.2.2, 3.0.3 and later). Threads add their counts to the
    # sums now and then, so what a sum holds can lag behind what was done, and a build without statistics counts nothing:
    # then it is left out. The numbers of mi_stats_print_out, on versions without JSON, are rounded, so they are no figures:
    # only details.
    module Census
      def self.parse(text)
        stats = Stats.parse(Stats.format_of(text), text)
        return {details: details(stats)} if stats[:rounded]
        {figures: figures(stats), bins: bins(stats), details: details(stats)}
      end

      # What is there now of each level that has something.
      def self.details(stats)
        Stats::LEVELS.filter_map { |key| [key, stats.dig(key, :current)] if stats.dig(key, :current).to_i.positive? }.to_h
      end

      # The committed bytes of the level are those of mi_process_info, where the sample has them from.
      def self.figures(stats)
        committed, reserved = stats.dig(:committed, :current), stats.dig(:reserved, :current)
        {
          allocated: counted(stats.dig(:allocated, :current)),
          committed: committed,
          retained: (committed && reserved && reserved >= committed) ? reserved - committed : nil,
          threads: counted(stats.dig(:threads, :current)),
          arenas: counted(stats[:arena_count])
        }.compact
      end

      def self.counted(value)
        value if value.to_i.positive?
      end

      def self.bins(stats)
        stats[:bins].select { |row| row[:current].positive? }.map { |row| {size: row[:size], in_use: row[:current], page_size: row[:page_size]}.compact }
      end
      private_class_method :details, :figures, :counted, :bins
    end
  end
end
