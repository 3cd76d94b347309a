# frozen_string_literal: true

module AllocStats
  class Diagnosis
    module Checks
      # The control group allows a fraction of the processors that Ruby sees, and by those it sees allocators
      # make their arenas, and pools their threads.
      class LimitUnseen < Check
        needs :processors, :allocator

        def finding
          seen, quota = processors.values_at(:seen, :quota)
          arenas = Allocators[allocator[:name]]&.arenas
          return unless arenas && quota && seen >= quota * Thresholds::PROCESSORS && !bounded?(arenas.option)
          factor = arenas.per_processor
          found("The control group allows #{format("%.2g", quota)} processors, and Ruby sees #{seen}: #{allocator[:name]} may make #{factor * seen} arenas.",
            evidence: ["#{processors[:source]} allows #{format("%.2f", quota)} processors; Etc.nprocessors is #{seen}", "#{allocator[:name]} makes up to #{factor} arenas for each processor that it sees"],
            remedy: arenas.line)
        end

        private

        def bounded?(name)
          (settings || []).any? { |setting| setting[:name] == name && setting[:state] != :no_effect } || (!seen_settings? && asked?(name))
        end

        def asked?(name)
          (variables || {}).any? { |variable, text| Allocators.fetch(allocator[:name]).steering.match?(variable) && "#{variable}=#{text}".downcase.include?(name) }
        end

        def seen_settings? = target.seen?(:settings)
      end
    end
  end
end
