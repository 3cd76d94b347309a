# frozen_string_literal: true

module AllocStats
  class Health
    # Whether one allocator owns all of malloc, and, where the configuration expects one, whether it is that one. What was
    # asked for and does not run is the commonest fault of all, and the quietest.
    class AllocatorOwner < Check
      NAME = "allocator:owner"
      TYPE = "component"
      UNIT = "allocator"

      # One owner, whatever else is loaded.
      GOOD = [:sole, :mapped_unused].freeze

      def finding
        allocator = facts.allocator
        expected = limits.expect
        return found(:fail, allocator.title, "#{expected} was expected. #{allocator.verdict_sentence}") if expected && !expected?(allocator)

        good = expected || GOOD.include?(allocator.verdict)
        found(good ? :pass : :warn, allocator.title, allocator.verdict_sentence)
      end

      private

      def expected?(allocator) = allocator.name == limits.expect && GOOD.include?(allocator.verdict)
    end
  end
end
