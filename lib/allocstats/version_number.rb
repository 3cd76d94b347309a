# frozen_string_literal: true

module AllocStats
  # An allocator's version, to be compared. Not RubyGems' own: a Ruby can be started without it (--disable-gems).
  #
  #   AllocStats::VersionNumber.new("5.3") == AllocStats::VersionNumber.new("5.3.0")      # => true
  #   AllocStats::VersionNumber.new("5.1.0").meets?([">= 5.1.0", "< 5.2.0"])              # => true
  class VersionNumber
    include Comparable

    PATTERN = /\A\d{1,9}(\.\d{1,9})*/
    REQUIREMENT = /\A(<=?|>=?|=) ?(\d.*)\z/

    # @return [VersionNumber, nil] nil for what begins with no number
    def self.read(text)
      new(text) if text.to_s.match?(PATTERN)
    end

    attr_reader :numbers

    # @param text [String] what follows the numbers is passed by
    # @raise [InvalidValue]
    def initialize(text)
      digits = text.to_s[PATTERN] or raise InvalidValue, "#{text.inspect[0, 80]} is no version"
      @numbers = digits.split(".").map { |number| Integer(number, 10) }
      @numbers.pop while @numbers.last&.zero?
      freeze
    end

    def <=>(other) = numbers <=> other.numbers

    # @param requirements [Array<String>] "= 3.6.0", ">= 5.1.0"
    def meets?(requirements)
      requirements.all? do |requirement|
        operator, version = REQUIREMENT.match(requirement)&.captures
        raise InvalidValue, "#{requirement.inspect[0, 80]} is no requirement" unless operator
        public_send((operator == "=") ? :== : operator, VersionNumber.new(version))
      end
    end
  end
end
