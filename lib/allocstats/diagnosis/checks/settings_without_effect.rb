# frozen_string_literal: true

module AllocStats
  class Diagnosis
    module Checks
      # Variables that do not do what their writer meant them to: another allocator's, misspelt, of another version.
      class SettingsWithoutEffect < Check
        needs :settings

        def finding
          wrong = settings.select { |setting| Settings::WRONG.include?(setting[:state]) && !consequence?(setting) }
          return if wrong.empty?
          found(sentence(wrong.map { |setting| setting[:source] }.uniq),
            evidence: wrong.map { |setting| "#{setting[:source]}: #{setting[:name]}, #{setting[:asked].inspect}: #{setting[:reason] || Settings::STATES.fetch(setting[:state])}" },
            remedy: remedy(wrong))
        end

        private

        def sentence(sources)
          (sources.size == 1) ? "#{sources.first} does not do what it was set for." : "#{list(sources)} do not do what they were set for."
        end

        # Of an allocator that was asked for and does not run: another finding says so.
        def consequence?(setting)
          setting[:state] == :no_effect && asked_for.include?(setting[:allocator])
        end

        # What may be told as a line to be pasted: an endpoint can have answered anything.
        LINE = %r{\A[A-Za-z_]\w*=[\w.,:=+/@-]*\z}

        def remedy(wrong)
          useless = wrong.select { |setting| setting[:state] == :no_effect }.map { |setting| setting[:source] }.uniq
          return "unset #{useless.join(" ")}" if useless.any?
          return corrected(wrong) if wrong.all? { |setting| LINE.match?(setting[:corrected].to_s) }
          "AllocStats.settings   # shows each with its reason; docs/tuning.md has the names and values"
        end

        # A variable of another name goes.
        def corrected(wrong)
          lines = wrong.map { |setting| setting[:corrected] }.uniq
          misnamed = wrong.map { |setting| setting[:source] }.uniq - lines.map { |line| line[/\A\w+/] }
          misnamed.empty? ? lines.join(" ") : "unset #{misnamed.join(" ")}; export #{lines.join(" ")}"
        end
      end
    end
  end
end
