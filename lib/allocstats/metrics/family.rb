# frozen_string_literal: true

module AllocStats
  class Metrics
    # One number with the values of its family's labels, in their order; nil for a label that is not known here.
    Sample = Struct.new(:label_values, :value)

    # One line of the catalogue: everything of one name.
    #
    # - `name` (String) as OpenMetrics names a family; what is queried is `sample_name`
    # - `type` (Symbol) :gauge, which rises and falls; :counter, which only rises; :info, which is 1 and has its facts in
    #   labels
    # - `unit` (Symbol or nil) :bytes, :seconds, :ratio, ..., always the end of the name; nil for counts
    # - `help` (String) one sentence
    # - `labels` (Array<Symbol>) their names
    # - `read` (Proc) Reading => [[label values, number or nil], ...]
    Family = Struct.new(:name, :type, :unit, :help, :labels, :read, keyword_init: true) do
      # What is queried: counters end in _total, facts in _info.
      attr_reader :sample_name

      def initialize(...)
        super
        @sample_name = "#{name}#{{counter: "_total", info: "_info"}[type]}".freeze
        freeze
      end

      # Only what is a number: what was not measured is absent.
      # @return [Array<Sample>]
      def samples(reading)
        read.call(reading).filter_map do |values, number|
          Sample.new(values, number) if number.is_a?(Integer) || (number.is_a?(Float) && number.finite?)
        end
      end

      # The labels of a sample that are known.
      # @yieldparam label [Symbol]
      # @yieldparam text [String]
      def each_label(sample)
        sample.label_values.each_with_index { |value, index| yield labels[index], Formats.utf8(value) unless value.nil? }
      end

      # The same as {label => text}.
      def labelled(sample)
        {}.tap { |told| each_label(sample) { |label, text| told[label] = text } }
      end
    end
  end
end
