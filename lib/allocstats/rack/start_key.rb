# frozen_string_literal: true

require "digest/sha2"
require "securerandom"

module AllocStats
  module Rack
    # The key of a start: made when the server starts, printed in its log and told nobody else, it opens an endpoint that
    # nobody has configured. All workers of one start have the same, also where each loads the application for itself: it
    # is made of what the kernel gave the program that began them.
    module StartKey
      NAME = "the key of this start"
      LENGTH = 32

      module_function

      def text
        @text ||= AllocStats.supported? && StartSecret.bytes&.then { |random| Digest::SHA256.hexdigest("allocstats #{random}")[0, LENGTH] } || SecureRandom.hex(LENGTH / 2)
      end

      # Tells it, once in a process.
      def announce
        return if @told
        @told = true
        Log.boot("the endpoint opens to who sends this key, until the server starts again: #{text} (a browser asks for it as the password, " \
          "programs send Authorization: Bearer); ALLOCSTATS_TOKEN and ALLOCSTATS_CHANGE_TOKEN set keys of your own")
      end
    end
  end
end
