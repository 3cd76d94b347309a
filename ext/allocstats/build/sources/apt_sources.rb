# frozen_string_literal: true

require "fileutils"

module AllocStats
  module Build
    module Sources
      # The places this machine gets packages from, rewritten as places to get source packages from. apt knows two
      # forms: one line an entry (*.list), and stanzas (*.sources). Only the binary entries are read; an entry for
      # sources alone is taken as it is.
      class AptSources
        LINE = /\A\s*deb(?:-src)?\s+(?<options>\[[^\]]*\]\s+)?(?<uri>\S+)\s+(?<suite>\S+)\s+(?<components>.+)\z/
        ADDED_SUITE = /-(security|updates|backports|proposed.*)\z|\/updates\z/

        def self.of_this_machine(etc = "/etc/apt")
          files = [File.join(etc, "sources.list"), *Dir[File.join(etc, "sources.list.d", "*.{list,sources}")].sort]
          new(files.select { |file| File.file?(file) && File.readable?(file) })
        end

        def initialize(files)
          @files = files
        end

        def any? = entries.any?

        # Writes one file for each of the machine's into `folder`. With `suite`, that suite of the same archives stands
        # in the place of the machine's own. Answers whether there was anything to write.
        def write_source_lists(folder, suite: nil)
          chosen = suite ? entries.filter_map { |kind, entry| [kind, other_suite(kind, entry, suite)] }.uniq : entries
          chosen = chosen.select { |_, entry| entry }
          FileUtils.mkdir_p(folder)
          chosen.each_with_index { |(kind, entry), index| File.write(File.join(folder, "#{index}.#{kind}"), entry) }
          chosen.any?
        end

        private

        # Pairs of the form ("list" or "sources") and the text of one entry for source packages.
        def entries
          @entries ||= @files.flat_map do |file|
            text = File.read(file)
            file.end_with?(".sources") ? stanzas(text) : lines(text)
          end.uniq
        end

        def lines(text)
          text.lines.grep(/\A\s*deb(-src)?\s/).filter_map do |line|
            entry = LINE.match(line.sub(/#.*/, "").strip) or next
            ["list", "deb-src #{entry[:options]}#{entry[:uri]} #{entry[:suite]} #{entry[:components]}\n"]
          end
        end

        def stanzas(text)
          text.gsub(/^#.*\n/, "").split(/\n\s*\n/).filter_map do |stanza|
            next unless stanza.match?(/^Types:.*\bdeb/i) && !stanza.match?(/^Enabled:\s*no/i)

            ["sources", stanza.sub(/^Types:.*$/i, "Types: deb-src").strip + "\n"]
          end
        end

        # The entry with another suite, or nil where it has no whole suite to be exchanged (security, updates).
        def other_suite(kind, entry, suite)
          field = (kind == "list") ? LINE.match(entry.strip)[:suite] : entry[/^Suites:\s*(.*)$/i, 1]
          return if field.nil? || field.split.all? { |own| own.match?(ADDED_SUITE) }
          return entry.sub(/^Suites:.*$/i, "Suites: #{suite}") if kind == "sources"

          match = LINE.match(entry.strip)
          "deb-src #{match[:options]}#{match[:uri]} #{suite} #{match[:components]}\n"
        end
      end
    end
  end
end
