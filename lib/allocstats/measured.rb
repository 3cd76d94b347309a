# frozen_string_literal: true

module AllocStats
  # What a text of an allocator's says, where it says it as it should; nil otherwise. Versions leave things out and add
  # others, so no part of a text costs the rest of it.
  module Measured
    # A figure fits into 64 bits.
    MOST = (2**64) - 1
    DIGITS = /\A\d{1,20}\z/n

    module_function

    # @param value [Object] of JSON, or digits
    # @return [Integer, nil]
    def count(value)
      value = Integer(value, 10) if value.is_a?(String) && value.b.match?(DIGITS)
      value if value.is_a?(Integer) && value.between?(0, MOST)
    end

    # nil where one of them is not known.
    def sum(counts)
      counts.sum if counts.none?(nil)
    end

    # nil where one of them is not known, and where they contradict each other.
    def difference(one, other)
      one - other if one && other && one >= other
    end

    def product(one, other)
      one * other if one && other
    end

    # Whether a number that somebody gave lies in a range. No range has NaN in it, and Ruby 4.1 does not let it be asked.
    def within?(range, number)
      number.is_a?(Numeric) && number.real? && !(number.respond_to?(:nan?) && number.nan?) && range.cover?(number)
    end

    # What is at a place in JSON, where it is an object; an empty one otherwise.
    # @return [Hash]
    def object(value) = value.is_a?(Hash) ? value : {}

    # The objects of a list in JSON; what is none becomes an empty one, so that each keeps its place.
    # @return [Array<Hash>]
    def objects(value) = value.is_a?(Array) ? value.map { |each| object(each) } : []

    # @return [Hash] the whole text
    # @raise [Malformed]
    def json(text)
      require "json" unless defined?(::JSON) # half a megabyte, which who takes no census need not have
      # jemalloc 5.3.0 prints one option twice, which newer versions of json refuse unless told otherwise
      root = JSON.parse(Formats.utf8(text), allow_duplicate_key: true)
      root.is_a?(Hash) ? root : raise(Malformed, "it is no object of JSON")
    rescue JSON::JSONError => error
      raise Malformed, "it is no JSON: #{Formats.line(error.message.lines.first.to_s.strip)[0, 80]}"
    end
  end
end
