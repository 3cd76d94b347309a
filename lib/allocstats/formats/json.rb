# frozen_string_literal: true

require "json"

module AllocStats
  module Formats
    # The figures as JSON, for programs: the same keys in the same order each time, bytes as whole numbers, and null
    # where nothing was measured.
    module Json
      module_function

      # A document, indented for the person who looks at it with curl, of anything that answers to_h.
      def generate(value)
        "#{::JSON.pretty_generate(plain(value.to_h))}\n"
      end

      # A Time as documents have it: "2026-01-02T03:04:05.250Z".
      def time(value) = value.getutc.strftime("%Y-%m-%dT%H:%M:%S.%LZ")

      # Only what JSON knows.
      def plain(value)
        case value
        when nil, true, false, Integer then value
        when Float then value.finite? ? value : nil
        when Hash then value.to_h { |key, each| [text(key), plain(each)] }
        when Array then value.map { |each| plain(each) }
        when Time then time(value)
        else text(value)
        end
      end

      # JSON writes a symbol as its name; ours are ASCII.
      def text(value) = (value.is_a?(Symbol) && value.name.ascii_only?) ? value : Formats.utf8(value)

      private_class_method :plain, :text
    end
  end
end
