# frozen_string_literal: true

require "erb"

module AllocStats
  module Rack
    class Page
      # Text that is HTML already. Every other text becomes Markup by being escaped, and templates insert nothing else.
      class Markup < String
        # Markup stays as it is, anything else is made text, valid and escaped.
        def self.of(value)
          value.is_a?(Markup) ? value : new(ERB::Util.html_escape(Formats.line(value)))
        end

        # Several, one after the other.
        def self.join(values, separator = "") = new(values.map { |value| of(value) }.join(of(separator)))

        # Templates ask for it.
        def to_s = self
      end
    end
  end
end
