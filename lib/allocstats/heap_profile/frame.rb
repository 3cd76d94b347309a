# frozen_string_literal: true

module AllocStats
  module HeapProfile
    # A method at a line; `path` is nil and `line` 0 for what is written in C.
    Frame = Struct.new(:label, :path, :line, :first_line) do
      def location = path && (line.zero? ? path : "#{path}:#{line}")

      def to_s = path ? "#{label} (#{location})" : label
    end
  end
end
