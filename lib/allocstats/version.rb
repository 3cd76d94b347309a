# frozen_string_literal: true

module AllocStats
  VERSION = "0.1.0"
end
