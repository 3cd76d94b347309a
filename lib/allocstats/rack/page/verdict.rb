# frozen_string_literal: true

module AllocStats
  module Rack
    class Page
      # Which malloc runs the process, how it is with its memory, and the few figures that everybody wants first.
      class Verdict < Section
        template "verdict"
        heading "verdict", "Verdict"

        HEALTH = {
          "pass" => "Healthy: nothing that is watched is out of its bounds.",
          "warn" => "Worth a look:",
          "fail" => "Not healthy:"
        }.freeze

        private

        def allocator = part(:allocator)

        # The sentence in two parts, of which the second only says where from.
        def sentence
          text = Formats.line(allocator[:verdict_sentence] || "Who owns malloc could not be found out.")
          return [text, ""] unless sole?
          text.partition(/(?= \()/).then { |first, _, rest| [first, rest] }
        end

        def sole? = allocator[:verdict].to_s == "sole"

        def evidence = allocator[:evidence] || []

        def status = (part(:health)[:status] || "unknown").to_s

        def health = HEALTH.fetch(status, "How healthy it is could not be found out.")

        # What the checks that do not pass say, a sentence each.
        def complaints
          part(:health).fetch(:checks, {}).values.flatten.filter_map { |check| check[:output] unless check[:status].to_s == "pass" }
        end

        # name => [bytes, of how many they are a share, and what to call those]
        def figures
          {
            "resident" => [rss], "live in malloc" => [live, rss, "resident"], "kept by malloc" => [kept, rss, "resident"],
            "counted against the limit" => [used, limit, limit && plain_bytes(limit)]
          }
        end

        def rss = memory[:rss] || part(:sample)[:rss]

        def live = worker.dig(:figures, :live) || part(:sample)[:allocated]

        def kept = worker.dig(:figures, :kept)

        # The number apart from its unit, which is set smaller.
        def figure(count)
          number, unit = plain_bytes(count).split
          Markup.new(%(<data value="#{Integer(count)}">#{number} <span class="unit">#{unit}</span></data>))
        end

        def facts = Markup.join(["pid #{part(:process)[:pid]}", program, time(document[:time])].compact, " · ")

        # A program is named by its file, unless it has given itself a title.
        def program
          name = Formats.line(part(:process)[:command])
          name = File.basename(name) if name.start_with?("/")
          name unless name.empty?
        end
      end
    end
  end
end
