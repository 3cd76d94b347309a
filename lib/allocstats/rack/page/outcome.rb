# frozen_string_literal: true

module AllocStats
  module Rack
    class Page
      # What a purge did, before and after: of this process, or of each worker.
      class Outcome < Section
        template "outcome"

        # What came of it => what to say; the bytes stand where %s is.
        SENTENCES = {"released" => "%s were given back.", "nothing" => "Nothing was given back.", "noop" => "Nothing was done.",
                     "unshared" => "The process has more of its own than before.",
                     "failed" => "It went wrong."}.freeze

        private

        def outcome = page.outcome

        def answers = outcome[:answers]

        def sentence = answers ? together : SENTENCES.fetch(outcome[:outcome].to_s).sub("%s", plain_bytes(outcome[:released]))

        def together
          return alone(answers.first) if answers.size == 1
          reached = answers.count { |answer| answer[:outcome].to_s != "no_answer" }
          "#{plain_bytes(outcome[:released])} were given back; #{reached} of #{answers.size} workers answered."
        end

        # Of one worker that another one has asked.
        def alone(answer)
          sentence = SENTENCES[answer[:outcome].to_s] or return "Worker #{answer[:index]}: #{came_of(answer)}."
          sentence.sub("%s", plain_bytes(answer[:released]))
        end

        # Whose figures these are: the process that answered, or the one that it has asked.
        def whose
          return "by worker #{answers.first[:index]}, pid #{answers.first[:pid]}" if answers&.size == 1
          answers ? "" : by_itself
        end

        def by_itself = "by pid #{part(:process)[:pid]}#{", in #{seconds}" if seconds}"

        def came_of(answer) = words(answer[:outcome])

        # RSS around the purge, with the share of the larger of the two.
        def bars
          values = {"before" => outcome.dig(:before, :rss), "after" => outcome.dig(:after, :rss)}
          largest = values.values.compact.max
          values.values.all? ? values.map { |name, value| [name, value, value.fdiv(largest)] } : []
        end

        # [Figure, before, after] of those that the purge has changed.
        def changes
          AllocStats.figures.values.filter_map { |figure|
            before, after = outcome.dig(:before, figure.name), outcome.dig(:after, figure.name)
            [figure, before, after] if before && after && before != after && figure.kind == :gauge
          }
        end

        def difference(figure, before, after)
          Markup.join([(after > before) ? "+" : "−", quantity(figure.unit, (after - before).abs)])
        end

        def seconds = outcome[:seconds] && format("%.1f ms", outcome[:seconds] * 1000)
      end
    end
  end
end
