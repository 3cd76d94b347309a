# frozen_string_literal: true

module AllocStats
  module Rack
    class Page
      # What was asked of an allocator when the process started, and what came of it.
      class Settings < Section
        template "settings"
        heading "settings", "Settings asked for, and in force", "Settings"

        private

        def settings = part(:settings).fetch(:settings, [])

        def certain? = part(:settings).fetch(:certain, true)

        def state(setting) = words(setting[:state])

        # Those that do not do what their writer meant them to are pointed out.
        def kind(setting) = AllocStats::Settings::WRONG.include?(setting[:state].to_sym) ? "wrong" : "fine"

        def in_force(setting)
          value = setting[:in_force]
          value.nil? ? UNKNOWN : Markup.new("<code>#{Markup.of(value)}</code>")
        end

        def meaning(setting) = AllocStats::Settings::STATES[setting[:state].to_sym]

        def missing = document.dig(:absent, :settings)
      end
    end
  end
end
