# frozen_string_literal: true

module AllocStats
  module Rails
    # What malloc gave to the thread of an action while it ran, at the end of its line in the log:
    #
    #   Completed 200 OK in 12ms (Views: 8.1ms | Malloc: 1.2 MiB)
    #
    # and in bytes as :malloc_bytes in the payload of "process_action.action_controller". Both are absent under an
    # allocator that does not count by thread. It is what was asked for, not what was kept; Ruby's own slots for objects
    # are in it only where their pages were new.
    module ControllerRuntime
      extend ::ActiveSupport::Concern

      module ClassMethods # :nodoc:
        def log_process_action(payload)
          bytes = payload[:malloc_bytes]
          bytes ? super << "Malloc: #{Formats::Units.inline_bytes(bytes)}" : super
        end
      end

      # In the request and not in a variable of the controller's, which its views would get a copy of.
      GIVEN = "allocstats.given_before_action"

      private

      def process_action(*)
        request.set_header(GIVEN, AllocStats.thread_bytes&.first)
        super
      end

      def append_info_to_payload(payload)
        super
        before = request.get_header(GIVEN)
        payload[:malloc_bytes] = AllocStats.thread_bytes.first - before if before
      end
    end
  end
end
