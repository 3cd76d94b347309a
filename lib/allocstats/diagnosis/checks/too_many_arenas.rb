# frozen_string_literal: true

module AllocStats
  class Diagnosis
    module Checks
      # malloc gives every few threads an arena of their own (Allocators::Arenas), and what becomes free in one is of no use to the others.
      class TooManyArenas < Check
        needs :arenas, :memory, :threads
        explains :memory_kept

        def finding
          return if arenas[:count] < Thresholds::ARENAS_COUNT || bounded?
          by_free_room || by_reserve
        end

        private

        # The one whose arenas are counted.
        def kind = Allocators.find { |each| each.arenas&.apart }

        # Who has set a number has decided.
        def bounded?
          (settings || []).any? { |setting| [setting[:name], setting[:asked]].any? { |text| text.to_s.downcase.include?(kind.arenas.option) } && setting[:state] != :no_effect }
        end

        def by_free_room
          return unless Thresholds::ARENAS_FREE.reached?(free_and_resident, memory[:rss])
          tell(["#{bytes(free_and_resident)} are free in the #{arenas[:count] - 1} arenas beside the main one, #{percent(free_and_resident, memory[:rss])} of the resident set"], free_and_resident)
        end

        # malloc_info also counts free what a purge has given back; no more can be resident than what malloc keeps.
        def free_and_resident
          arenas[:free] && [arenas[:free], kept&.fetch(:bytes)].compact.min
        end

        # From outside only what they may grow to is seen.
        def by_reserve
          limit = memory.dig(:cgroup, :limit)
          return unless arenas[:free].nil? && limit && arenas[:count] * OtherProcess::Maps::HEAP > limit && Thresholds::ARENAS_FREE.reached?(memory[:rss], limit)
          tell(["each can grow to #{bytes(OtherProcess::Maps::HEAP)} before there is another, #{bytes(arenas[:count] * OtherProcess::Maps::HEAP)} in all; the limit is #{bytes(limit)}"], nil)
        end

        def tell(evidence, cost)
          line = kind.arenas.line
          found("#{kind.id} has spread its memory over #{arenas[:count]} arenas.", cost: cost, remedy: line,
            evidence: [*evidence, "there are #{threads.values.sum} threads, and #{line[/\A\w+/]} is not set", limits])
        end

        def limits
          memory.dig(:cgroup, :limit)&.then { |limit| "the control group may use #{bytes(limit)}" }
        end
      end
    end
  end
end
