# frozen_string_literal: true

module AllocStats
  # How the methods of native APIs look up and check what was given to them.
  module Allocators::Given
    # Stands for a value that was not given, where nil is one that does not fit.
    NOTHING = Object.new.freeze

    module_function

    # The key of `known` (String => anything) that was meant.
    # @param kind [String] what is looked up, as "option of mallopt"
    # @raise [UnknownName]
    def name_among(known, kind, name)
      text = name_text(kind, name)
      known.key?(text) ? text : raise(UnknownName.among(kind, text, known.keys))
    end

    # @return [String]
    # @raise [UnknownName] for what is neither a Symbol nor a String
    def name_text(kind, name)
      case name
      when Symbol then name.name
      when String then String.new(name)
      else raise UnknownName, "the name of #{article(kind)} is a Symbol or a String, not #{Formats.shown(name)}"
      end
    end

    def article(noun)
      "#{noun.start_with?(/[aeiou]/) ? "an" : "a"} #{noun}"
    end
    private_class_method :article

    # An Integer in the range, from an Integer or, where 0 and 1 fit, from true and false.
    # @param unit [Symbol] :switch and :mode show no unit
    def integer_in(range, unit, name, value)
      number = {true => 1, false => 0}.fetch(value, value) if range.cover?(0..1) && %i[switch mode].include?(unit)
      number = value if number.nil?
      return number if number.is_a?(Integer) && range.cover?(number)
      raise InvalidValue, "#{name} takes #{fitting(range, unit)}, not #{Formats.shown(value)}"
    end

    def fitting(range, unit)
      return "true or false" if unit == :switch
      "an Integer from #{range.begin} to #{range.end}#{" (#{unit})" unless %i[mode count].include?(unit)}"
    end
    private_class_method :fitting
  end
end
