# frozen_string_literal: true

module AllocStats
  module HeapProfile
    # What one line, method, gem, library, thread or stack asked of malloc.
    #
    # - `name` (String, or Stack)
    # - `live` (Estimate) what it has not given back
    # - `total` (Estimate) all that it asked for while the profile was on
    Row = Struct.new(:name, :live, :total) do
      def to_h = {name: name.to_s, live: live.to_h, total: total.to_h}
    end
  end
end
