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
            remedy: remedy(*arenas.line.split("=", 2)))
        end

        private

        # With what is set already, where a variable holds a list.
        def remedy(variable, text)
          set = text.include?(":") ? (variables || {})[variable].to_s : ""
          "#{variable}=#{[set, text].reject(&:empty?).join(",")}"
        end

        def bounded?(name)
          asked = (settings || []).select { |setting| setting[:allocator] == allocator[:name] && setting[:state] != :no_effect }
          asked.any? { |setting| [setting[:name], setting[:asked]].any? { |told| told.to_s.downcase.include?(name) } }
        end
      end
    end
  end
end
