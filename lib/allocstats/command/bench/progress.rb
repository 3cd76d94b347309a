# frozen_string_literal: true

module AllocStats
  module Command
    class Bench
      # What is under way, on stderr: a line that is written over on a terminal, else one line each.
      class Progress
        # @param shown [Boolean, nil] nil: where it is a terminal
        def initialize(stream, shown: nil)
          @stream = stream
          @over = stream.tty?
          @shown = shown.nil? ? @over : shown
        end

        # @param text [String] of what begins
        def begin(text)
          @title = text
          say(text)
        end

        # @param text [String] of how far it is; only a terminal is told
        def at(text)
          say("#{@title}: #{text}") if @over
        end

        def end
          @stream.print("\r\e[K") if @shown && @over
        end

        private

        def say(text)
          return unless @shown
          @over ? @stream.print("\r\e[K", text[0, 100]) : @stream.puts(text)
          @stream.flush
        end
      end
    end
  end
end
