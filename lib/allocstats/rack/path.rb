# frozen_string_literal: true

module AllocStats
  module Rack
    # A path as it stands in a request, whoever has written it.
    module Path
      # Every byte that a path does not hold as it is. The per cent sign is none of them: what is escaped already stays so.
      FOREIGN = %r{[^\w\-.~!$&'()*+,;=:@%/]}n

      module_function

      # As a client asks for it and servers pass it on: what is not plain ASCII is escaped, and so is what would end a path.
      #
      #   Path.escape("/größe?")   # => "/gr%C3%B6%C3%9Fe%3F"
      #
      # @param path [String] in any encoding, valid or not: its bytes count
      # @return [String] ASCII
      def escape(path)
        path.b.gsub(FOREIGN) { |byte| format("%%%02X", byte.ord) }.force_encoding(Encoding::UTF_8)
      end
    end
  end
end
