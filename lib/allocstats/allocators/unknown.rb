# frozen_string_literal: true

module AllocStats
  # The owner of malloc that no other module here knows.
  module Allocators::Unknown
    extend Allocators::Contract
  end
end
