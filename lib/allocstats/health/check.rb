# frozen_string_literal: true

module AllocStats
  class Health
    # What a check found: `name` is "component:measurement" and `unit`, `type` are as application/health+json has them.
    # `value` is nil where nothing was measured; `output` is a sentence, always there for what does not pass.
    Finding = Struct.new(:name, :type, :value, :unit, :status, :output, keyword_init: true) do
      def to_h
        {componentType: type, observedValue: value, observedUnit: unit, status: status, output: output}
      end
    end

    # What all checks share. One says what it looked at (NAME, TYPE, UNIT), and `finding` what came of it.
    class Check
      def initialize(limits, facts)
        @limits = limits
        @facts = facts
      end

      # @return [Finding]
      def finding = raise(NotImplementedError)

      private

      attr_reader :limits, :facts

      def found(status, value, output)
        type = self.class
        Finding.new(name: type::NAME, type: type::TYPE, value: value, unit: type::UNIT, status: status, output: output).freeze
      end

      # Not held against the process, and said.
      def unknown(reason) = found(:pass, nil, reason)

      # The worst level that is reached, and has been for its time.
      # @yieldparam limit [Limits::Limit] of a level
      # @yieldreturn nil or false where it is not reached; true, or the Time since when as far as that is known
      # @return [Array(Symbol, String or nil)] the status, and what is reached, if only for a while so far
      def judge(name)
        waiting = nil
        [:fail, :warn].each do |level|
          limit = limits.of(name, level) or next
          held = Since.held([name, level, limit], yield(limit)) or next
          return [level, "at least #{limit}#{" for #{held.round} s" if limit.seconds.positive?}"] if held >= limit.seconds
          waiting ||= "at least #{limit} for #{held.round} s so far; #{limit.seconds} s would be a #{level}"
        end
        [:pass, waiting]
      end

      def bytes(count) = Formats::Units.inline_bytes(count)
    end
  end
end
