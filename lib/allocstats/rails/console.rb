# frozen_string_literal: true

module AllocStats
  module Rails
    # The one line with which the console begins, where a person is there to read it.
    module Console
      module_function

      def greet(input: $stdin, output: $stdout)
        output.puts line if input.tty? && output.tty?
      rescue Error
        # A console is not the place to learn that something cannot be measured.
      end

      def line
        "allocstats: #{AllocStats.allocator.title} runs malloc; AllocStats.help lists what can be asked"
      end
    end
  end
end
