# frozen_string_literal: true

module AllocStats
  # The ways in which what was measured is written down.
  module Formats
    autoload :Accept, "allocstats/formats/accept"
    autoload :Bar, "allocstats/formats/bar"
    autoload :Columns, "allocstats/formats/columns"
    autoload :Json, "allocstats/formats/json"
    autoload :Page, "allocstats/formats/page"
    autoload :Prometheus, "allocstats/formats/prometheus"
    autoload :Text, "allocstats/formats/text"
    autoload :Units, "allocstats/formats/units"

    # Names of files and programs are bytes to the kernel and may be no valid text in any encoding. What is none in
    # UTF-8 is replaced, so that one odd name does not cost the whole document.
    def self.utf8(text)
      text = text.to_s
      text = text.dup.force_encoding(Encoding::UTF_8) if [Encoding::BINARY, Encoding::US_ASCII].include?(text.encoding)
      text.encode(Encoding::UTF_8, invalid: :replace, undef: :replace).scrub
    end

    # The name of a figure, of a layer or of a reading as people write it.
    def self.words(name) = utf8(name).tr("_", " ")

    # The same as part of a line: what comes from outside must neither steer the terminal nor break the page.
    def self.line(text) = utf8(text).gsub(/[[:cntrl:]]/, "?")

    # "low_memory, balanced and throughput"; "" for none.
    def self.listed(names)
      *most, last = names.map(&:to_s)
      most.empty? ? last.to_s : "#{most.join(", ")} and #{last}"
    end
  end
end
