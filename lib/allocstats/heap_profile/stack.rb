# frozen_string_literal: true

module AllocStats
  module HeapProfile
    # Who asked malloc.
    #
    # - `frames` (Array<Frame>) of Ruby, innermost first; empty where they could not be looked at
    # - `kind` (Symbol) :ruby, :collector while Ruby collected garbage, :no_gvl on a thread that ran without the GVL
    # - `native` (Frame, nil) the C code that called malloc, where that was not Ruby itself; its path is the library
    # - `thread` (String) name and number
    # - `cut` whether outer frames were left off
    Stack = Struct.new(:frames, :kind, :native, :thread, :cut, keyword_init: true) do
      self::KINDS = {collector: Frame.new("(GC)", nil, 0, 0).freeze, no_gvl: Frame.new("(no GVL)", nil, 0, 0).freeze}.freeze
      self::CUT = Frame.new("(deeper than is looked at)", nil, 0, 0).freeze

      # As a graph shows it, outermost first.
      def path
        [(self.class::CUT if cut), *frames.reverse, self.class::KINDS[kind], native].compact
      end

      # The line of Ruby that asked: the innermost one that has a file.
      def line = frames.find(&:path)

      def method_name = frames.first&.label

      def library = native && File.basename(native.path)
    end
  end
end
