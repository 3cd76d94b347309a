# frozen_string_literal: true

module AllocStats
  module Doctor
    # Whose variables are whose: all that can be told of a process's settings from outside, where no allocator can be
    # asked what it made of them.
    module Attribution
      OWNERS = {
        /\AMALLOC_CONF\z/ => :jemalloc,
        /\AMIMALLOC_(?!ENABLED\z|VERSION\z)/i => :mimalloc,
        /\ATCMALLOC_/ => :tcmalloc,
        Regexp.new("\\A(?:#{Allocators::Glibc::Environment::VARIABLES.keys.join("|")})\\z") => :glibc
      }.freeze

      module_function

      # @param variables [Hash{String => String}]
      # @param running [Symbol] the allocator that most likely runs
      # @return [Array<Hash>] in the shape of Settings::Setting
      def settings(variables, running)
        variables.filter_map { |variable, text|
          owner = owner_of(variable)
          setting(variable, text, owner, running) if owner
        }
      end

      def owner_of(variable)
        _, owner = OWNERS.find { |pattern, _| variable.match?(pattern) }
        owner
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
