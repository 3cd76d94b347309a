# frozen_string_literal: true

module AllocStats
  class Diagnosis
    class Growth
      # Between two readings. Where there was a purge at either end, what it gave back is what was kept, under any allocator;
      # if that did not grow, what the purges left is compared.
      class Interval < Growth
        # @param interval [Hash] of Target::FACTS
        def initialize(interval)
          first, last, words = interval.values_at(:before, :after) << nil
          if interval[:purged]
            kept = [released(first, interval[:purged]), released(last, interval[:purged_after])]
            more = kept.none?(nil) && kept.last > kept.first
            first, last = interval.values_at(:purged, :purged_after) unless more
            words = more ? ", and what is kept by what a purge gave back at either end" : ", each after a purge"
          end
          steps = LAYERS.keys.to_h { |name| [name, [first[name], last[name]]] }
          counted = {kept: [first[:kept_counted], last[:kept_counted]], malloc: [first[:malloc_counted], last[:malloc_counted]]}
          steps, counted = divided(steps, kept), {} if more
          super(steps: steps, counted: counted, seconds: interval[:seconds], source: "two readings, #{interval[:seconds]} s apart#{words}")
        end

        private

        def level = Thresholds::GROWTH_BETWEEN

        def measure = bytes(:rss)

        def released(before, after)
          before[:rss] - after[:rss] if before[:rss] && after[:rss]
        end

        # What came back was kept, whatever the allocator took it for.
        def divided(steps, kept)
          steps.merge(kept: kept, malloc: [nil, nil])
        end
      end
    end
  end
end
