# frozen_string_literal: true

module AllocStats
  class Census
    # What a census takes of mimalloc's mi_stats_print_out, on versions without JSON. Its numbers are rounded, so they are
    # no figures: only details.
    module MimallocText
      def self.parse(text)
        {details: details(MiStats.parse(:mimalloc_text, text))}
      end

      # What is there now of each level that has something.
      def self.details(stats)
        MiStats::LEVELS.filter_map { |key| [key, stats.dig(key, :current)] if stats.dig(key, :current).to_i.positive? }.to_h
      end
    end
  end
end
