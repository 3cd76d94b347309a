# frozen_string_literal: true

module AllocStats
  module Command
    # A process of this machine that somebody named by its number.
    module Pid
      NUMBER = /\A[1-9]\d{0,9}\z/

      module_function

      # @param text [String] as it was typed
      # @return [OtherProcess]
      # @raise [Failure]
      def process(text)
        raise Failure, "#{text.inspect} is no process's number" unless NUMBER.match?(text)
        looking { OtherProcess.new(Integer(text)) }
      end

      # What the block answers; where the process is not there, or may not be looked at, a Failure with a status of its own.
      # @raise [Failure]
      def looking
        yield
      rescue OtherProcess::Gone => error
        raise Failure.new(error.message, status: NOT_FOUND)
      rescue OtherProcess::NotPermitted => error
        raise Failure.new(error.message, status: NOT_PERMITTED)
      end
    end
  end
end
