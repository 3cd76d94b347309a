# frozen_string_literal: true

require "digest/sha2"

module AllocStats
  module Rack
    # A secret that whoever asks must know. Only its digest is kept, and of what is offered only the digest is compared,
    # in the same time wherever the two differ: neither the secret nor its length can be found out by trying.
    class Token
      # What a header can carry as one word.
      FORM = /\A[\x21-\x7e]+\z/

      # What is shorter can be found by trying, however it was made: 16 hexadecimal digits are 64 bits.
      SHORTEST = 16

      # The one in a variable of the environment; nil where there is none, or nothing but space, which opens nothing.
      def self.in(variable)
        text = ENV[variable].to_s.b.strip
        new(text, variable) unless text.empty?
      end

      # Who gives it.
      attr_reader :name

      # name:: who gives it, for the sentence about one that cannot be used; which never shows it
      # @raise [InvalidValue]
      def initialize(text, name)
        raise InvalidValue, "#{name} must be a word of printable ASCII without spaces" unless text.is_a?(String) && FORM.match?(text.b)
        raise InvalidValue, "#{name} must have #{SHORTEST} characters at least (`openssl rand -hex 16` makes one)" if text.bytesize < SHORTEST
        @name = name
        @digest = Digest::SHA256.digest(text)
      end

      def matches?(offered)
        return false unless offered

        other = Digest::SHA256.digest(offered)
        different = 0
        @digest.each_byte.with_index { |byte, index| different |= byte ^ other.getbyte(index) }
        different.zero?
      end

      def inspect = "#<#{self.class}>"
    end
  end
end
