# frozen_string_literal: true

require "json"
require "uri"

module AllocStats
  module Rack
    # What a request that changes something asks for, of a JSON object or of a form: a Hash with names and texts, numbers
    # and truths as they were written. A form's "options[name]" is the name in the Hash of "options".
    class Body
      # A body that cannot be taken, with the status that says so.
      class Refused < Error
        attr_reader :status

        def initialize(status, message)
          @status = status
          super(message)
        end
      end

      # More than all options of an allocator with their values.
      LIMIT = 16 * 1024
      DEEPEST = 3

      TYPES = {"application/json" => :json, "application/x-www-form-urlencoded" => :form}.freeze
      NESTED = /\A(\w+)\[(\w+)\]\z/

      def initialize(env)
        @env = env
      end

      # What a page of another site could make a browser send. A body that is not there at all is none of it: forms say
      # what they are even when they are empty.
      def form? = @env["CONTENT_TYPE"].to_s != "" && kind != :json

      # @raise [Refused]
      def to_h
        text = read
        return parsed_before || {} if text.empty?

        case kind
        when :json then json(text)
        when :form then form(text)
        else raise Refused.new(415, "the body must be #{TYPES.keys.join(" or ")}")
        end
      end

      private

      def kind
        TYPES[@env["CONTENT_TYPE"].to_s.b[/\A[^;\s,]+(?=\s*(?:;|\z))/].to_s.downcase]
      end

      # Whatever the request says of its length.
      def read
        too_large if @env["CONTENT_LENGTH"].to_i > LIMIT
        input = @env["rack.input"] or return ""
        input.rewind if input.respond_to?(:rewind)
        text = input.read(LIMIT + 1).to_s
        too_large if text.bytesize > LIMIT
        text.dup.force_encoding(Encoding::UTF_8).tap { |utf8| raise Refused.new(400, "the body is not UTF-8") unless utf8.valid_encoding? }
      end

      def too_large = raise(Refused.new(413, "the body is larger than #{LIMIT} bytes"))

      def json(text)
        value = ::JSON.parse(text, max_nesting: DEEPEST)
        value.is_a?(Hash) ? value : raise(Refused.new(400, "the body must be one JSON object"))
      rescue ::JSON::ParserError
        raise Refused.new(400, "the body is not JSON")
      end

      # A middleware in front (Rack::MethodOverride is one) may have read the form, and where the input cannot be
      # rewound, which Rack 3 does not promise, only what it made of it is left: of this input, where it says of which.
      def parsed_before
        read, input = @env.values_at("rack.request.form_input", "rack.input")
        @env["rack.request.form_hash"] if kind == :form && (read.nil? || read.equal?(input))
      end

      def form(text)
        URI.decode_www_form(text).each_with_object({}) do |(name, value), form|
          outer, inner = NESTED.match(name)&.captures
          place = outer ? (form[outer] ||= {}) : form
          raise Refused.new(400, "the form names #{name[0, 80].inspect} twice") if !place.is_a?(Hash) || place.key?(inner || name)
          place[inner || name] = value
        end
      rescue ArgumentError
        raise Refused.new(400, "the body is not a form")
      end
    end
  end
end
