# frozen_string_literal: true

module AllocStats
  module Rack
    class Page
      # The allocator's arenas and bins, which cost too much to be read for everybody who looks: read when asked for.
      class Census < Section
        template "census"
        heading "census", "Arenas and bins", "Arenas"

        # Where the allocator gives no account of itself there is nothing to ask for.
        def show? = part(:allocator).fetch(:capabilities, []).map(&:to_s).include?("census")
      end
    end
  end
end
