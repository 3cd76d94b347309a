# frozen_string_literal: true

module AllocStats
  class Purge
    # One run at a time: whoever comes while one is under way waits for it and gets its answer.
    class SingleFlight
      def initialize
        @lock = Mutex.new
        @landed = ConditionVariable.new
        @pilot = nil
        @result = nil
      end

      # @raise [Refused] inside of the block of this very thread, which would wait for itself
      def run
        joined = join
        return joined if joined
        begin
          result = yield
        ensure
          land(result)
        end
      end

      private

      # The answer of the run under way; nil where there is none or it failed, and then this thread is its pilot.
      def join
        @lock.synchronize do
          raise Refused, "a purge was asked for inside of a purge" if @pilot == Thread.current
          waited = flying?
          # a pilot that was killed, or that a fork left behind, lands without a word
          @landed.wait(@lock, 0.1) while flying?
          return @result if waited && @result
          @result = nil
          @pilot = Thread.current
          nil
        end
      end

      def flying?
        @pilot&.alive?
      end

      def land(result)
        @lock.synchronize do
          @result = result
          @pilot = nil
          @landed.broadcast
        end
      end
    end
  end
end
