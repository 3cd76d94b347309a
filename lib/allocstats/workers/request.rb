# frozen_string_literal: true

module AllocStats
  class Workers
    # Something that one worker asks of others: it goes into the shared memory, their agents are woken, and their answers
    # are collected until all that can answer have, or the time is over. Who has ended, is stopped or runs no agent any
    # more is not waited for.
    class Request
      # How long others are waited for unless it is said: who asks may be a server's thread.
      SECONDS = 2

      # A moment, in which somebody else's request may end.
      MOMENT = 0.02

      # Seconds after which it is looked whether those who have not answered are still there.
      LONGEST_WAIT = 0.1

      # How much longer than for the answers the shared memory is held: the own part of the work may take its time.
      LEASE = 30

      # What a worker can answer.
      OUTCOMES = %w[released nothing noop tuned partly read refused failed].freeze

      # @param workers [Array<Worker>] who is asked, without this process
      # @param only [Boolean] whether the others are not asked, and not woken
      def initialize(workers, kind:, options:, timeout:, only: false)
        unless timeout.is_a?(Numeric) && timeout.real? && timeout >= 0
          raise InvalidValue, "the timeout is a number of seconds, not #{timeout.inspect[0, 80]}"
        end
        @workers = workers
        @kind = kind
        @text = Agent::Message.text(options)
        @to = workers.first&.identity if only
        @deadline = Clock.now + timeout
      end

      # Asks; the block is what this process does meanwhile.
      # @yieldparam number [Integer, nil] of the request; nil where nobody could be asked
      # @return [Array] the block's value, and the answers: {worker => Hash}
      def run
        return [yield(nil), {}] if @workers.empty?
        result = nil
        asked = try { SharedMemory.send_message(@kind, @text, @to, left + LEASE) { |number| result = [yield(number), collect(number)] } }
        asked ? result : [yield(nil), all(unasked(asked))]
      end

      # Asks, and leaves it to poll and #end what becomes of it.
      # @return [Request]
      def begin
        @number, @lease = @asked = (try { SharedMemory.begin_message(@kind, @text, @to, left) } unless @workers.empty?)
        self
      end

      # @return [Hash{Worker => Hash}] the answers there are; {outcome: "pending"} of those that may still come
      def poll
        return all(unasked(@asked)) unless @number
        answers = look(@number)
        answers = give_up(answers, @number) if left <= 0
        self.end if answers.values.all?
        answers.transform_values { |answer| answer || {outcome: "pending"} }
      end

      def end
        lease, @lease = @lease, nil
        SharedMemory.end_message(lease) if lease
      end

      private

      def left = [@deadline - Clock.now, 0].max

      # What the block answers: nil while another worker's request was under way all the time, false where there is no shared memory.
      def try
        loop do
          asked = yield
          return asked unless asked.nil? && left > 0
          sleep MOMENT
        end
      end

      def collect(number)
        loop do
          count = SharedMemory.answer_count
          answers = look(number)
          return answers if answers.values.all?
          return give_up(answers, number) if left <= 0
          SharedMemory.wait_answers(count, [left, LONGEST_WAIT].min)
        end
      end

      # Each one's answer; nil while it is still to be waited for.
      def look(number)
        @rows = SharedMemory.rows.to_h { |row| [row[:identity], row] }
        @workers.to_h { |worker| [worker, answer_in(@rows[worker.identity], worker, number)] }
      end

      def answer_in(row, worker, number)
        return silence(File.exist?("/proc/#{worker.pid}") ? "its agent has ended" : "it has ended") unless row
        return understood(row[:answer]) if row.dig(:answer, :request) == number
        return silence("it has ended") unless row[:alive]
        silence("it is stopped, by a signal or a debugger") if row[:stopped]
      end

      def understood(answer)
        OUTCOMES.include?(answer[:outcome]) ? answer : silence("its answer makes no sense")
      end

      def give_up(answers, number)
        answers.to_h do |worker, answer|
          begun = @rows.dig(worker.identity, :answer, :begun) == number
          [worker, answer || silence(begun ? "it has begun, and was not done in time" : "it has not answered in time")]
        end
      end

      def unasked(asked)
        silence((asked == false) ? "there is no shared memory to ask it by" : "another worker's request was under way")
      end

      def all(answer) = @workers.to_h { |worker| [worker, answer] }

      def silence(reason)
        {outcome: "no_answer", reason: reason}
      end
    end
  end
end
