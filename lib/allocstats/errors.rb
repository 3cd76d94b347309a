# frozen_string_literal: true

module AllocStats
  # What every error of this library is. Its children say what kind of no it was.
  class Error < StandardError; end

  # The running allocator, kernel or platform has no such thing; the message says which have.
  class Unsupported < Error; end

  # No figure, option or control has this name; the message gives the nearest that exists.
  class UnknownName < Error
    LONGEST_SHOWN = 80
    # So many names are all named where none is near.
    FEW = 8

    # @param kind [String] what was looked up, as "figure"
    # @param name [Object] what was asked for
    # @param known [Enumerable<#to_s>] the names there are
    def self.among(kind, name, known)
      shown = name.to_s[0, LONGEST_SHOWN].scrub
      known = known.map(&:to_s)
      nearest = nearest(shown, known)
      hint = if nearest
        "; did you mean #{nearest}?"
      elsif (2..FEW).cover?(known.size)
        "; there are #{known.join(", ")}"
      end
      new("no #{kind} is named #{name.inspect[0, LONGEST_SHOWN].scrub}#{hint}")
    end

    # @return [String, nil] the known name that was most likely meant
    def self.nearest(name, known)
      DidYouMean::SpellChecker.new(dictionary: known).correct(name).first if defined?(DidYouMean::SpellChecker)
    end
  end

  # The value does not fit what the name takes.
  class InvalidValue < Error; end

  # The name can be read and not written.
  class ReadOnly < Error; end

  # A text of the allocator's or of another process is not of the kind that it should be.
  class Malformed < Error; end

  # What was asked for can crash the process, and `unsafe: true` was not given.
  class Refused < Error; end

  # What was asked for is the agent's to do, and it does not run in this process.
  class NotStarted < Error; end
end
