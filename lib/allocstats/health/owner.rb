# frozen_string_literal: true

module AllocStats
  class Health
    # Whether one allocator owns all of malloc, and, where the configuration expects one, whether it is that one. What was
    # asked for and does not run is the commonest fault of all, and the quietest. Several findings say what is wrong with
    # it; a probe wants one word. Who has not said what is expected gets a warning: no server is taken down for that.
    module Owner
      PROBE = Diagnosis::Check::Probe.new(limit: :allocator, name: "allocator:owner", type: "component", unit: "allocator").freeze

      # One owner, whatever else is loaded.
      GOOD = [:sole, :mapped_unused].freeze

      module_function

      # @return [Array<Class>]
      def checks = %i[AllocatorNotAsAsked MixedAllocators UnknownAllocator].map { |name| Diagnosis::Checks.const_get(name) }

      # @return [Row]
      def row(limits, target)
        owner = target.ownership or return Row.unknown(PROBE, target.why_not(:ownership))
        title = target.allocator[:title]
        return made(title, :fail, "#{limits.expect} was expected. #{owner[:sentence]}") if limits.expect && !(target.allocator[:name] == limits.expect && GOOD.include?(owner[:verdict]))
        made(title, (limits.expect || GOOD.include?(owner[:verdict])) ? :pass : :warn, owner[:sentence])
      end

      def made(title, status, output)
        Row.new(name: PROBE.name, type: PROBE.type, value: title, unit: PROBE.unit, status: status, output: output).freeze
      end
      private_class_method :made
    end
  end
end
