# frozen_string_literal: true

module AllocStats
  module Rack
    class Page
      # Gives memory back, for those who may; and says what came of it.
      class Purge < Section
        template "purge"
        heading "purge", "Give memory back", "Purge"

        # What comes of a purge is shown to whoever was let do it.
        def show? = page.change?

        private

        def able? = part(:allocator).fetch(:capabilities, []).map(&:to_s).include?("purge")

        def living = workers.count { |row| row.fetch(:alive, true) }

        # The worker that is shown is the one that is purged.
        def index = chosen || worker[:index]

        def outcome = (Outcome.new(page) if page.outcome)
      end
    end
  end
end
