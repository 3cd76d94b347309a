# frozen_string_literal: true

module AllocStats
  module Formats
    # What a client says in its Accept header, RFC 9110: which media types it takes, and how much it likes each.
    #
    #   accept = Accept.new("text/html;q=0.9, */*;q=0.1")
    #   accept.quality("text/html")          # => 0.9
    #   accept.quality("application/json")   # => 0.1
    #
    # No header, or one without a single range that is understood, takes everything.
    class Accept
      # One of the header's ranges: "text", "*", {"version" => "0.0.4"}, 0.5
      Range = Struct.new(:type, :subtype, :parameters, :quality) do
        def matches?(type, subtype, parameters)
          [type, "*"].include?(self.type) && [subtype, "*"].include?(self.subtype) &&
            parameters.all? { |name, value| self.parameters.fetch(name, value) == value }
        end

        # What is named more exactly goes before what is named by the way.
        def exactness = [type, subtype].count { |part| part != "*" } * 10 + parameters.size
      end

      TOKEN = /[!#$%&'*+.^`|~\w-]+/
      MEDIA = %r{\A\s*(#{TOKEN})/(#{TOKEN})\s*}
      PARAMETER = /\A;\s*(#{TOKEN})=(#{TOKEN}|"(?:[^"\\]|\\.)*")\s*/
      QUALITY = /\A(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\z/

      # More than that is no header of a client that means it.
      LONGEST = 4096

      def initialize(header)
        @ranges = split(header.to_s.b.slice(0, LONGEST)).filter_map { |text| parse(text) }
      end

      # From 0, which is refused, to 1. A parameter counts only where the range has it too: a range without a version
      # takes every version.
      def quality(media_type, parameters = {})
        return 1.0 if @ranges.empty?
        @ranges.select { |range| range.matches?(*media_type.split("/"), parameters) }.max_by(&:exactness)&.quality || 0.0
      end

      # Whether one of these types is liked better than the other one.
      def prefers?(types, other) = types.map { |type| quality(type) }.max > quality(other)

      private

      # At commas that are not within quotes.
      def split(header)
        header.scan(/(?:[^,"]|"(?:[^"\\]|\\.)*"?)+/n)
      end

      def parse(text)
        media = MEDIA.match(text) or return
        rest = media.post_match
        parameters = {}
        while (found = PARAMETER.match(rest))
          parameters[found[1].downcase] = found[2].sub(/\A"(.*)"\z/m, '\1')
          rest = found.post_match
        end
        quality = parameters.delete("q") || "1"
        Range.new(media[1].downcase, media[2].downcase, parameters, quality.to_f) if rest.empty? && QUALITY.match?(quality)
      end
    end
  end
end
