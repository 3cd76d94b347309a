# frozen_string_literal: true

module AllocStats
  module Rack
    class Page
      # Facts about the process, what the kernel counts for it, and how near it is to the limit it is killed for.
      class Limits < Section
        template "limits"
        heading "limits", "The process and its limits", "Limits"

        FACTS = {
          pid: "pid", command: "program", ruby_version: "Ruby", ruby_platform: "platform", puma: "Puma", rack: "Rack", rails: "Rails",
          ld_preload: "LD_PRELOAD", malloc_conf: "MALLOC_CONF"
        }.freeze

        MEMORY = {rss: "resident (RSS)", pss: "in proportion (PSS)", uss: "its own alone (USS)", swap: "swapped out"}.freeze

        # What the kernel did to the group for lack of memory, of its events.
        EVENTS = {max: "times at the limit", oom_kill: "processes killed for lack of memory"}.freeze

        private

        def facts = FACTS.filter_map { |key, words| [words, part(:process)[key]] unless part(:process)[key].to_s.empty? }.to_h

        def figures = MEMORY.to_h { |key, words| [words, memory[key]] }

        def source = memory.dig(:limit, :source)

        def user = group[:usage] ? "used by its control group" : "used by the process"

        def share = used.fdiv(limit).clamp(0, 1)

        def near? = used >= Formats::Text::NEAR * limit

        def events = EVENTS.to_h { |key, words| [words, group.dig(:events, key)] }.compact

        def pressure = group[:pressure]

        # What is not known, and why: of the whole document and of what this section shows.
        def reasons
          shown = (memory[:reasons] || {}).slice(*MEMORY.keys, :limit)
          (document[:absent] || {}).merge(shown)
        end
      end
    end
  end
end
