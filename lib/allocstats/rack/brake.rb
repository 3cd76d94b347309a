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

      # So many seconds after its beginning a change is waited for no longer.
      PATIENCE = 10

      # What came of a change, for all who share it.
      Landed = Struct.new(:answer, :error)

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
        @flight = SingleFlight.new("a change") if AllocStats.supported? # elsewhere nothing can be changed
        @landed_at = nil
      end

      # @param question [Object] equal for those that may share an answer
      # @return [Array(Object, Boolean)]
      # @raise [Later] and what the block raises
      def run(question, waiting:, &block)
        return [yield, false] unless @flight
        landed, outcome = @flight.share(question, waiting, PATIENCE) { fly(&block) }
        raise Later.new(@seconds, "another change is under way") if [:another, :full].include?(outcome)
        raise Later.new(@seconds, "the change under way has not ended") if outcome == :late
        raise landed.error if landed.error
        [landed.answer, outcome == :shared]
      end

      private

      # Nobody else is at it meanwhile.
      def fly
        rest = @landed_at ? @landed_at + @seconds - Clock.now : 0
        return Landed.new(nil, Later.new(rest, "the last one was less than #{format("%g", @seconds)} s ago")) if rest.positive?
        answer = yield
        @landed_at = Clock.now if answer
        Landed.new(answer, nil)
      rescue => error
        Landed.new(nil, error)
      end
    end
  end
end
