# frozen_string_literal: true

module AllocStats
  module Formats
    # Quantities for eyes, each in a column of its own width, so that a list of them lines up; inline, for a sentence,
    # without the column.
    module Units
      BYTES = {"%7.2f GiB" => 1 << 30, "%7.1f MiB" => 1 << 20, "%7.1f KiB" => 1 << 10}.freeze

      module_function

      # "  184.3 MiB", always 11 wide; whole bytes below a KiB, two decimals from a GiB on.
      def bytes(count)
        pattern, size = BYTES.find { |_, size| count.abs >= size }
        pattern ? format(pattern, count.fdiv(size)) : format("%7d B  ", count)
      end

      # "184.3 MiB"
      def inline_bytes(count) = bytes(count).strip

      # " 33.2 %", always 7 wide.
      def percent(part, whole)
        whole.zero? ? "       " : format("%5.1f %%", 100.0 * part / whole)
      end

      # "33.2 %"; "" of nothing.
      def inline_percent(part, whole) = percent(part, whole).strip

      # "1,234,567"
      def count(number) = number.to_s.gsub(/(?<=\d)(?=(\d{3})+\z)/, ",")
    end
  end
end
