# frozen_string_literal: true

module AllocStats
  class Diagnosis
    module Checks
      # The control group allows a fraction of the processors that Ruby sees, and by those it sees glibc and jemalloc
      # make their arenas, and pools their threads.
      class LimitUnseen < Check
        needs :processors, :allocator

        # Arenas for each processor, and the setting that bounds them.
        ARENAS = {glibc: [8, "arena_max"], jemalloc: [4, "narenas"]}.freeze

        def finding
          seen, quota = processors.values_at(:seen, :quota)
          factor, bound = ARENAS[allocator[:name]]
          return unless factor && quota && seen >= quota * Thresholds::PROCESSORS && !bounded?(bound)
          found("The control group allows #{format("%.2g", quota)} processors, and Ruby sees #{seen}: #{allocator[:name]} may make #{factor * seen} arenas.",
            evidence: ["#{processors[:source]} allows #{format("%.2f", quota)} processors; Etc.nprocessors is #{seen}", "#{allocator[:name]} makes up to #{factor} arenas for each processor that it sees"],
            remedy: remedy)
        end

        private

        # With what is set already.
        def remedy
          return "MALLOC_ARENA_MAX=2" unless running?(:jemalloc)
          "MALLOC_CONF=#{[(variables || {})["MALLOC_CONF"], "narenas:2"].reject { |text| text.to_s.empty? }.join(",")}"
        end

        def bounded?(name)
          asked = (settings || []).select { |setting| setting[:allocator] == allocator[:name] && setting[:state] != :no_effect }
          asked.any? { |setting| [setting[:name], setting[:asked]].any? { |text| text.to_s.downcase.include?(name) } }
        end
      end
    end
  end
end
