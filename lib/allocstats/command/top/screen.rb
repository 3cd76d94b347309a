# frozen_string_literal: true

require "io/console"

module AllocStats
  module Command
    class Top
      # The terminal while it is drawn on: keys come one by one and unseen, the cursor is hidden, and what was on it
      # before is there again afterwards, whichever way that comes.
      class Screen
        ENTER = "\e[?1049h\e[?25l"
        LEAVE = "\e[?25h\e[?1049l"
        DEFAULT_SIZE = [24, 80].freeze

        # Keys that send more than one character; none of them means anything here.
        SEQUENCES = /\e(?:\[[\d;]*[A-Za-z~]|O.)?/

        # The keys are read here; nil where they come from no terminal.
        attr_reader :keyboard

        def initialize(stdin, stdout)
          @keyboard = stdin if stdin.tty?
          @terminal = stdout
          @bold = Formats::Text.colour?(stdout)
        end

        def drawn_on
          enter
          yield
        ensure
          leave
        end

        # Hands the terminal back while the block runs.
        def lent
          leave
          yield
        ensure
          enter
        end

        # @return [Array(Integer, Integer)] lines and columns
        def size
          size = @terminal.winsize
          size.all?(&:positive?) ? size : DEFAULT_SIZE
        rescue SystemCallError
          DEFAULT_SIZE
        end

        # Draws over what is there, without a moment in which it is empty.
        # @param head [Integer] the line that stands out
        def draw(lines, head:)
          height, width = size
          shown = lines.first(height).each_with_index.map { |line, index| style(line[0, width], index == head) }
          @terminal.write("\e[H", shown.map { |line| "#{line}\e[K" }.join("\n"), "\e[J")
          @terminal.flush
        end

        # What was pressed since it was last asked.
        # @return [Array<String>, nil] nil when nobody can press anything any more
        def keys
          pressed = @keyboard.read_nonblock(64, exception: false)
          return [] if pressed == :wait_readable
          pressed&.gsub(SEQUENCES, "")&.chars
        rescue SystemCallError # the terminal is gone
          nil
        end

        private

        def style(line, head) = (head && @bold) ? "\e[1m#{line}\e[0m" : line

        def enter
          @mode = @keyboard&.console_mode
          @keyboard&.raw!(intr: true)
          @terminal.write(ENTER)
          @terminal.flush
        end

        # Nothing is to be restored of a terminal that is gone.
        def leave
          @terminal.write(LEAVE)
          @terminal.flush
        rescue SystemCallError, IOError
          nil
        ensure
          restore_mode
        end

        def restore_mode
          @keyboard.console_mode = @mode if @mode
          @mode = nil
        rescue SystemCallError
          nil
        end
      end
    end
  end
end
