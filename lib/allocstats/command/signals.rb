# frozen_string_literal: true

module AllocStats
  module Command
    # Signals as something to wait for, so that a command ends by its own doing and in order:
    #
    #   Signals.caught("INT", "TERM") do |signals|
    #     IO.select([signals.io], nil, nil, 1)
    #     signals.take     # => ["INT"]
    #   end
    #
    # The handlers that were there before are back when the block has ended.
    class Signals
      # What asks a process to end.
      ENDING = %w[INT TERM HUP].freeze

      def self.caught(*names)
        signals = new(names)
        yield signals
      ensure
        signals&.release
      end

      # A signal as an exception: what was under way ends by its `ensure`s, and whoever began it rescues this. No
      # StandardError, so that nothing else does.
      class Ended < SignalException
        def status = 128 + signo
      end

      # Raises Ended in the main thread, where the block has to run, when the first of these signals comes. Those that come
      # after it, while things are put in order, are let go.
      def self.raised(*names)
        ended = false
        before = names.to_h { |name|
          handler = trap(name) do
            first = !ended
            ended = true
            raise Ended, "SIG#{name}" if first
          end
          [name, handler]
        }
        yield
      ensure
        before&.each { |name, handler| trap(name, handler || "DEFAULT") }
      end

      # What a shell calls the status of a process that this signal has ended.
      def self.status(name) = 128 + Signal.list.fetch(name)

      # Readable when a signal has come.
      attr_reader :io

      def initialize(names)
        @io, @sender = IO.pipe
        @come = Thread::Queue.new
        @before = names.to_h { |name| [name, trap(name) { come(name) }] }
      end

      # Those that have come since it was last asked.
      def take
        @io.read_nonblock(1024, exception: false)
        Array.new(@come.size) { @come.pop }
      end

      def release
        @before.each { |name, handler| trap(name, handler || "DEFAULT") }
        [@io, @sender].each(&:close)
      end

      private

      # In a handler no lock can be taken: a queue needs none, and a full pipe has said what it had to say.
      def come(name)
        @come << name
        @sender.write_nonblock(".", exception: false)
      end
    end
  end
end
