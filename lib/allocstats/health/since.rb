# frozen_string_literal: true

module AllocStats
  class Health
    # For how long something has been reached: since the first look that saw it, if every look since then has. A process
    # remembers that for itself. One that nobody looks at knows nothing; probes look often enough.
    module Since
      @seen = {}
      @mutex = Mutex.new

      module_function

      # key::     what is looked at, with the limit it is held against
      # reached:: nil or false where it is not; true, or the Time since when it is known from elsewhere, where it is
      # @return [Float, nil] seconds
      def held(key, reached)
        @mutex.synchronize do
          own
          next @seen.delete(key) && nil unless reached

          moment = Clock.now
          known = reached.is_a?(Time) ? moment - (Time.now - reached) : moment
          moment - (@seen[key] = [@seen.fetch(key, moment), known].min)
        end
      end

      # What the parent of a fork saw was the parent's.
      def own
        return if @pid == Process.pid

        @pid = Process.pid
        @seen = {}
      end

      private_class_method :own
    end
  end
end
