# frozen_string_literal: true

module AllocStats
  module HeapProfile
    # Makes stacks of a profile's numbers, each once: what a snapshot holds stays readable when the profile has ended.
    class Names
      attr_reader :serial

      def initialize(serial)
        @serial = serial
        @stacks = {}
        @frames = {}
        @threads = {}
        @natives = {}
      end

      # @param number [Integer] of the site
      # @param site [Array] as Native.copy has it
      def stack(number, site)
        @stacks[number] ||= begin
          kind, cut, node, thread, caller, _ = site
          Stack.new(kind: kind, cut: cut, frames: frames(node), native: caller && native(caller), thread: thread(thread)).freeze
        end
      end

      private

      def frames(node)
        node ? Native.stack(serial, node).map { |number| frame(number) }.freeze : [].freeze
      end

      def frame(number)
        @frames[number] ||= begin
          path, absolute, label, first, line = Native.frame(serial, number)
          path = text(absolute || path) unless path.nil? || path == "<cfunc>"
          first = first.to_i
          # code that was compiled may not say which line it is at
          Frame.new(text(label || "(unnamed)"), path, (path && line.zero?) ? first : line, first).freeze
        end
      end

      def native(address)
        @natives[address] ||= begin
          object, symbol = Native.native(address)
          object = object ? text(object) : "(unloaded)"
          Frame.new("#{File.basename(object)}#{" #{text(symbol)}" if symbol}", object, 0, 0).freeze
        end
      end

      def thread(number)
        return "(unknown)" unless number

        @threads[number] ||= Native.thread(serial, number).then { |id, name| "#{text(name)} #{id}".strip.freeze }
      end

      def text(string) = Formats.line(string).freeze
    end
  end
end
