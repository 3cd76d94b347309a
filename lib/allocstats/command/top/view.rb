# frozen_string_literal: true

module AllocStats
  module Command
    class Top
      # The table again and again until somebody ends it: drawn on a screen where there is one, printed where there is
      # none.
      class View
        KEYS = "sort by #{Row::SORTS.map { |column, key| "#{key} #{column}" }.join(", ")}; space reads; q ends"
        WATCHED = [*Signals::ENDING, "TSTP", "WINCH"].freeze

        # screen:: nil to print
        # title::  what is watched
        def initialize(readings, order:, title:, stdout:, screen: nil)
          @readings = readings
          @order = order
          @title = title
          @stdout = stdout
          @screen = screen
        end

        # @return [Integer] the exit status
        def run
          Signals.caught(*(@screen ? WATCHED : Signals::ENDING)) do |signals|
            @signals = signals
            @readings.start
            @screen ? @screen.drawn_on { loop_until_ended } : loop_until_ended
          end
        ensure
          @readings.stop
        end

        private

        def loop_until_ended
          show
          until @status
            ready, = IO.select([@signals.io, @readings.io, @screen&.keyboard].compact)
            heed_signals if ready.include?(@signals.io)
            heed_readings if ready.include?(@readings.io)
            heed_keys if @screen && ready.include?(@screen.keyboard)
          end
          @status
        end

        def heed_signals
          @signals.take.each do |name|
            case name
            when "WINCH" then show
            when "TSTP" then @screen.lent { Process.kill(:STOP, Process.pid) } && show
            else @status = Signals.status(name)
            end
          end
        end

        def heed_readings
          return @status = 0 unless @readings.seen
          show
        end

        def heed_keys
          keys = @screen.keys or return @status = Signals.status("HUP")
          keys.each { |key| press(key) }
        end

        def press(key)
          case key
          when "q", "Q", "\x04" then @status = 0
          when " " then @readings.hurry
          else
            @order = @order.after(key) || @order
            show
          end
        end

        def show = @screen ? draw : print

        def draw
          height, = @screen.size
          table = Table.new(@readings.rows, order: @order, remarks: @readings.remarks)
          @screen.draw([heading, "", *table.lines(height: height - 4), "", KEYS], head: 2)
        end

        def print
          @stdout.puts heading, Table.new(@readings.rows, order: @order, remarks: @readings.remarks).lines, ""
          @stdout.flush
        end

        def heading = "allocstats top  #{@readings.time.strftime("%H:%M:%S")}  #{@title}"
      end
    end
  end
end
