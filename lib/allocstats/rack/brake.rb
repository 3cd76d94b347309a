# frozen_string_literal: true

module AllocStats
  module Rack
    # One change at a time, and the next one not too soon, whoever asks how often. Who asks for the same while it is under
    # way shares its answer, as long as threads of the server are left for others; everybody else is told when to come
    # again, at once.
    #
    #   brake = Brake.new(seconds: 5)
    #   brake.run([:purge, {gc: true}], waiting: 1) { AllocStats.purge(gc: true) }   # => [the answer, whether it was shared]
    class Brake
      # Not now; after so many seconds perhaps.
      class Later < Error
        attr_reader :seconds

        def initialize(seconds, why)
          @seconds = [seconds.ceil, 1].max
          super("#{why}; ask again in #{@seconds} s")
        end
      end

      # The most that wait for another's answer, and how many where the server does not say how many threads it has.
      MOST = 3
      UNTOLD = 1

      # A change under way: what was asked for, who is at it since when, how many wait for it, and what came of it.
      Flight = Struct.new(:question, :thread, :begun, :waiting, :answer, :error)

      # So long is waited for somebody else's answer; and longer than that, no change is believed to be under way.
      PATIENCE = 10
      LONGEST = 60

      # How long a waiting thread sleeps before it looks whether the other one is still there.
      MOMENT = 0.1

      # How many requests may wait: so many that the server keeps a thread for others, beside that which does the work.
      def self.waiting(env)
        options = env["puma.config"]&.options
        threads = options && options[:max_threads]
        threads.is_a?(Integer) ? (threads - 2).clamp(0, MOST) : UNTOLD
      rescue NoMethodError
        UNTOLD
      end

      # seconds:: between the end of a change and the next one
      def initialize(seconds:)
        @seconds = seconds
        @lock = Mutex.new
        @landed = ConditionVariable.new
        @flight = @landed_at = nil
      end

      # @param question [Object] equal for those that may share an answer
      # @return [Array(Object, Boolean)]
      # @raise [Later] and what the block raises
      def run(question, waiting:, &block)
        Thread.handle_interrupt(Object => :never) do
          flight = begun = nil
          @lock.synchronize { flight, begun = board(question, waiting) }
          next [fly(flight, &block), false] if begun
          Thread.handle_interrupt(Object => :immediate) { [wait(flight), true] }
        end
      end

      private

      # The flight, and whether it is this thread's own.
      def board(question, waiting)
        if flying?
          raise Later.new(@seconds, "another change is under way") unless @flight.question == question && @flight.waiting < waiting
          @flight.waiting += 1
          return [@flight, false]
        end
        rest = @landed_at ? @landed_at + @seconds - Clock.now : 0
        raise Later.new(rest, "the last one was less than #{format("%g", @seconds)} s ago") if rest.positive?
        [@flight = Flight.new(question, Thread.current, Clock.now, 0), true]
      end

      # A thread that was killed, or that a fork left behind, is at nothing any more.
      def flying? = @flight&.thread&.alive? && Clock.now - @flight.begun < LONGEST

      def fly(flight)
        flight.answer = Thread.handle_interrupt(Object => :immediate) { yield }
      rescue => error
        flight.error = error
        raise
      ensure
        @lock.synchronize do
          @landed_at = Clock.now if flight.answer
          @flight = nil if @flight.equal?(flight)
          @landed.broadcast
        end
      end

      def wait(flight)
        deadline = Clock.now + PATIENCE
        @lock.synchronize do
          @landed.wait(@lock, MOMENT) while @flight.equal?(flight) && flying? && Clock.now < deadline
        end
        raise flight.error if flight.error
        flight.answer or raise Later.new(@seconds, "the change under way has not ended")
      ensure
        @lock.synchronize { flight.waiting -= 1 }
      end
    end
  end
end
