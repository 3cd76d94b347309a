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

      # Only what JSON knows. Names of files are bytes to the kernel and may be no valid text; they must not cost the
      # whole document.
      def plain(value)
        case value
        when nil, true, false, Integer then value
        when Float then value.finite? ? value : nil
        when String, Symbol then text(value.to_s)
        when Hash then value.to_h { |key, each| [text(key.to_s), plain(each)] }
        when Array then value.map { |each| plain(each) }
        when Time then value.getutc.strftime("%Y-%m-%dT%H:%M:%S.%LZ")
        else value.respond_to?(:to_h) ? plain(value.to_h) : text(value.to_s)
        end
      end

      def text(string)
        (string.encoding == Encoding::BINARY) ? string.dup.force_encoding(Encoding::UTF_8).scrub : string.encode(Encoding::UTF_8, invalid: :replace, undef: :replace).scrub
      end
      private_class_method :plain, :text
    end
  end
end
