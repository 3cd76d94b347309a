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
    # UTF-8 is replaced, so that one odd name does not cost the whole document. What is text in UTF-8, as almost all is,
    # comes back as it is, frozen where it was.
    def self.utf8(text)
      text = text.is_a?(Symbol) ? text.name : text.to_s
      return text if text.encoding == Encoding::UTF_8 && text.valid_encoding?
      return text.dup.force_encoding(Encoding::UTF_8) if text.ascii_only?
      text = text.dup.force_encoding(Encoding::UTF_8) if [Encoding::BINARY, Encoding::US_ASCII].include?(text.encoding)
      text.encode(Encoding::UTF_8, invalid: :replace, undef: :replace).scrub
    end

    # What must not reach a terminal: controls of both kinds (C0, DEL, C1), signs that are not seen or turn the direction
    # of what follows, ends of lines and paragraphs beyond ASCII's, and what no sign is given to. In this form it takes half
    # of the memory that one set would.
    UNPRINTABLE = /(?!\n)(?:\p{C}|[\u2028\u2029])/

    # What comes from elsewhere as people may see it: a name that another process has given itself, an answer of another
    # server. It neither steers a terminal nor shows as something else than it is; its lines stay.
    def self.printable(text) = utf8(text).gsub(UNPRINTABLE, "?")

    # The same as part of a line, which it does not break either.
    def self.line(text) = printable(text).tr("\n", "?")

    # The same of a document as JSON.parse gives it, in each of its texts and names.
    def self.deeply_printable(value)
      case value
      when String then printable(value)
      when Symbol then printable(value).to_sym
      when Array then value.map { |each| deeply_printable(each) }
      when Hash then value.to_h { |key, each| [deeply_printable(key), deeply_printable(each)] }
      else value
      end
    end

    # The name of a figure, of a layer or of a reading as people write it.
    def self.words(name) = line(name).tr("_", " ")

    # "low_memory, balanced and throughput"; "" for none.
    def self.listed(names)
      *most, last = names.map(&:to_s)
      most.empty? ? last.to_s : "#{most.join(", ")} and #{last}"
    end

    LONGEST_SHOWN = 60
    private_constant :LONGEST_SHOWN

    # What was given, for a sentence that says no to it. Never calls what a class of the user's has defined.
    def self.shown(value)
      case value
      when true, false, nil, Float, Symbol then value.inspect[0, LONGEST_SHOWN].scrub
      when Integer then (value.bit_length <= 128) ? value.to_s : "an Integer of #{value.bit_length} bits"
      when String then String.new(value)[0, LONGEST_SHOWN].scrub.inspect
      else "a value of another class"
      end
    end
  end
end
