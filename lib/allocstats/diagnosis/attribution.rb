# frozen_string_literal: true

module AllocStats
  class Diagnosis
    # Whose variables are whose: all that can be told of a process's settings from outside, where no allocator can be
    # asked what it made of them.
    module Attribution
      module_function

      # @param variables [Hash{String => String}]
      # @param running [Symbol] the allocator that most likely runs
      # @return [Array<Hash>] in the shape of Allocators::Setting
      def settings(variables, running)
        variables.filter_map { |variable, text|
          owner = Allocators.of_variable(variable)
          setting(variable, text, owner.id, running) if owner
        }
      end

      def setting(variable, text, owner, running)
        state, reason = if owner == running then [:unreadable, "from outside it cannot be seen what #{owner} made of it"]
        else
          [:no_effect, "it is #{owner}'s, and #{running} most likely runs this process"]
        end
        {name: variable, source: variable, allocator: owner, asked: text, in_force: nil, state: state, reason: reason}
      end
    end
  end
end
