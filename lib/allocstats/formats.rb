# frozen_string_literal: true

module AllocStats
  # The ways in which what was measured is written down.
  module Formats
    autoload :Bar, "allocstats/formats/bar"
    autoload :Json, "allocstats/formats/json"
    autoload :Page, "allocstats/formats/page"
    autoload :Text, "allocstats/formats/text"
    autoload :Units, "allocstats/formats/units"

    # Names of files and programs are bytes to the kernel and may be no valid text in any encoding. What is none in
    # UTF-8 is replaced, so that one odd name does not cost the whole document.
    def self.utf8(text)
      text = text.to_s
      text = text.dup.force_encoding(Encoding::UTF_8) if [Encoding::BINARY, Encoding::US_ASCII].include?(text.encoding)
      text.encode(Encoding::UTF_8, invalid: :replace, undef: :replace).scrub
    end
  end
end
