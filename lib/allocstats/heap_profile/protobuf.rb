# frozen_string_literal: true

module AllocStats
  module HeapProfile
    # As much of protocol buffers' wire format as a profile needs. Each method appends one field; zeros and empty texts are
    # what a reader takes for absent, and are left out.
    class Protobuf
      VARINT = 0
      BYTES = 2

      def initialize
        @bytes = String.new(encoding: Encoding::BINARY)
      end

      def to_s = @bytes

      def number(field, value)
        return if value.zero?

        key(field, VARINT)
        varint(value)
      end

      def bytes(field, text)
        key(field, BYTES)
        varint(text.bytesize)
        @bytes << text.b
      end

      def numbers(field, values)
        packed = self.class.new
        values.each { |value| packed.varint(value) }
        bytes(field, packed.to_s)
      end

      # @yieldparam [Protobuf] to be filled
      def message(field)
        inner = self.class.new
        yield inner
        bytes(field, inner.to_s)
      end

      protected

      # Seven bits a byte, the lowest first; a negative number is its complement of 64 bits.
      def varint(value)
        value &= 0xFFFF_FFFF_FFFF_FFFF
        while value > 0x7F
          @bytes << (value & 0x7F | 0x80)
          value >>= 7
        end
        @bytes << value
      end

      private

      def key(field, type) = varint(field << 3 | type)
    end
  end
end
