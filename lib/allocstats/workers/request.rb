# frozen_string_literal: true

module AllocStats
  class Workers
    # Something that one worker asks of all others: it goes into the shared page, their samplers are woken, and their
    # answers are collected until all have answered or the time is over.
    class Request
      # A moment, in which somebody else's request may end.
      MOMENT = 0.02

      # Seconds after which it is looked whether those who have not answered are still there.
      LONGEST_WAIT = 0.5

      # @param workers [Array<Worker>] who is asked, without this process
      def initialize(workers, kind:, options:, timeout:)
        unless timeout.is_a?(Numeric) && timeout.real? && timeout >= 0
          raise InvalidValue, "the timeout is a number of seconds, not #{timeout.inspect[0, 80]}"
        end
        @workers = workers
        @kind = kind
        @text = Sampler::Errand.text(options)
        @deadline = Clock.now + timeout
      end

      # Asks; the block is what this process does meanwhile.
      # @return [Array] the block's value, and the answers: {worker => Hash}
      def run
        number = ask unless @workers.empty?
        own = yield
        [own, number ? collect(number) : @workers.to_h { |worker| [worker, silence("another worker's request was under way")] }]
      ensure
        SharedPage.end_request if number
      end

      private

      # The request's number; nil where another worker's was under way all the time, false where there is no page.
      def ask
        loop do
          number = SharedPage.request(@kind, @text)
          return number unless number.nil? && Clock.now < @deadline
          sleep MOMENT
        end
      end

      def collect(number)
        loop do
          count = SharedPage.answer_count
          rows = SharedPage.rows.to_h { |row| [row[:pid], row] }
          answers = @workers.to_h { |worker| [worker, answer_in(rows[worker.pid], number)] }
          return answers if answers.values.all? || Clock.now >= @deadline && (answers = give_up(answers))
          SharedPage.wait_answers(count, [@deadline - Clock.now, LONGEST_WAIT].min)
        end
      end

      # nil while it is still to be waited for.
      def answer_in(row, number)
        return silence("it has ended") unless row && row[:alive]
        row[:answer] if row.dig(:answer, :request) == number
      end

      def give_up(answers)
        answers.transform_values { |answer| answer || silence("it has not answered in time") }
      end

      def silence(reason)
        {outcome: "no_answer", reason: reason}
      end
    end
  end
end
