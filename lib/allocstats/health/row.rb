# frozen_string_literal: true

module AllocStats
  class Health
    # What a check found: `name` is "component:measurement" and `unit`, `type` are as application/health+json has them.
    # `value` is nil where nothing was measured; `output` is a sentence, always there for what does not pass.
    Row = Struct.new(:name, :type, :value, :unit, :status, :output, keyword_init: true) do
      # @param check [Diagnosis::Check] that is Probed
      # @param limits [Diagnosis::Limits]
      def self.of(check, limits)
        probe = check.class.probe
        return unknown(probe, check.unmeasured) unless check.measured?
        status, why = Since.judge(check, limits)
        new(name: probe.name, type: probe.type, value: check.value, unit: probe.unit, status: status, output: "#{check.sentence}#{"; #{why}" if why}.").freeze
      end

      # Not held against the process, and said.
      def self.unknown(probe, reason)
        new(name: probe.name, type: probe.type, value: nil, unit: probe.unit, status: :pass, output: "Not judged: #{reason || "it is not to be had here"}.").freeze
      end

      def to_h
        {componentType: type, observedValue: value, observedUnit: unit, status: status, output: output}
      end
    end
  end
end
