# frozen_string_literal: true

module AllocStats
  module Command
    class Bench
      # Runs of several configurations in turn: each once, then each once again, so that what the machine does meanwhile
      # meets all of them alike. A signal ends it, and leaves the runs that there are.
      class Turns
        # configuration => its runs, in the order of the configurations; those without any are left out
        attr_reader :runs

        # [Integer] 0; that of a run that failed; or what a shell calls the status of a process that the signal has ended
        attr_reader :status

        # configuration => the sentence of its first run that failed; it had no more
        attr_reader :failures

        # @param progress [Progress]
        def initialize(configurations, rounds:, progress:)
          @configurations = configurations
          @rounds = rounds
          @progress = progress
          @runs = configurations.to_h { |configuration| [configuration, []] }
          @failures = {}
          @status = 0
        end

        # What fails costs its configuration and no other.
        # @yield [configuration, runs] once for each run, which it adds to the runs
        # @return [self]
        # @raise [Failure] where there is no run at all
        def take
          Signals.raised(*Signals::ENDING) do
            @configurations.cycle(@rounds).with_index do |configuration, index|
              @progress.begin("#{index + 1} of #{@configurations.size * @rounds}: #{configuration}")
              attempt(configuration) { yield configuration, @runs[configuration] } unless @failures.key?(configuration)
            end
          end
          raise @first_failure if @first_failure && @runs.values.all?(&:empty?)
          self
        rescue Signals::Ended => signal
          @status = signal.status
          self
        ensure
          @progress.end
          @runs.reject! { |_, runs| runs.empty? }
        end

        def complete? = @status.zero?

        private

        def attempt(configuration)
          yield
        rescue Failure => failure
          @failures[configuration] = failure.message
          @first_failure ||= failure
          @status = failure.status
        end
      end
    end
  end
end
