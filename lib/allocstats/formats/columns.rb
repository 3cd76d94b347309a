# frozen_string_literal: true

module AllocStats
  module Formats
    # Rows of cells as columns of text: the first flush left, the others right.
    module Columns
      module_function

      # @param head [Array<#to_s>]
      # @param rows [Array<Array<#to_s>>]
      # @return [Array<String>] lines
      def lines(head, rows)
        table = [head, *rows].map { |row| row.map(&:to_s) }
        widths = table.transpose.map { |column| column.map(&:size).max }
        [table.first, widths.map { |width| "-" * width }, *table.drop(1)].map do |row|
          row.zip(widths).each_with_index.map { |(cell, width), i| i.zero? ? cell.ljust(width) : cell.rjust(width) }.join("  ").rstrip
        end
      end
    end
  end
end
