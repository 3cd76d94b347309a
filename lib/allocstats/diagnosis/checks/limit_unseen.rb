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
        REMEDIES = {glibc: "MALLOC_ARENA_MAX=2", jemalloc: "MALLOC_CONF=narenas:2"}.freeze

        def finding
          seen, quota = processors.values_at(:seen, :quota)
          factor, bound = ARENAS[allocator[:name]]
          return unless factor && quota && seen >= quota * Thresholds::PROCESSORS && !bounded?(bound)
          found("The control group allows #{format("%.2g", quota)} processors, and Ruby sees #{seen}: #{allocator[:name]} may make #{factor * seen} arenas.",
            evidence: ["#{processors[:source]} allows #{format("%.2f", quota)} processors; Etc.nprocessors is #{seen}", "#{allocator[:name]} makes up to #{factor} arenas for each processor that it sees"],
            remedy: REMEDIES.fetch(allocator[:name]))
        end

        private

        def bounded?(name)
          text = (variables || {}).values_at("MALLOC_ARENA_MAX", "MALLOC_CONF", "GLIBC_TUNABLES").compact.join(" ")
          (settings || []).any? { |setting| setting[:name] == name && setting[:state] != :no_effect } || (!seen_settings? && text.include?(name))
        end

        def seen_settings? = target.seen?(:settings)
      end
    end
  end
end
