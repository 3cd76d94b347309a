# frozen_string_literal: true

module AllocStats
  # The ways in which what was measured is written down.
  module Formats
    autoload :Bar, "allocstats/formats/bar"
    autoload :Json, "allocstats/formats/json"
    autoload :Text, "allocstats/formats/text"
    autoload :Units, "allocstats/formats/units"
  end
end
