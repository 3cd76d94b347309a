# frozen_string_literal: true

module AllocStats
  class Health
    # For how long something has been reached: since the first look that saw it, if every look since then has. A process
    # remembers that for itself. One that nobody looks at knows nothing; probes look often enough.
    module Since
      @seen = {}
      @mutex = Mutex.new

      module_function

      # The worst level of a check that is reached, and has been for its time.
      # @return [Array(Symbol, String or nil)] the status, and what is reached, if only for a while so far
      def judge(check, limits)
        return [check.level || :pass, nil] if check.class.windowed?
        name = check.class.probe.limit
        waiting = nil
        [:fail, :warn].each do |level|
          limit = limits.of(name, level) or next
          held = held([name, level, limit], check.reached?(limit)) or next
          return [level, "at least #{limit}#{" for #{held.round} s" if limit.seconds.positive?}"] if held >= limit.seconds
          waiting ||= "at least #{limit} for #{held.round} s so far; #{limit.seconds} s would be a #{level}"
        end
        [:pass, waiting]
      end

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
