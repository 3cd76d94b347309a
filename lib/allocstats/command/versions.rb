# frozen_string_literal: true

require "allocstats/facade"

module AllocStats
  module Command
    # `allocstats versions`: the allocators that can be preloaded here, where each came from, and those that could be built
    # with the gem.
    class Versions
      HELP = <<~TEXT
        Usage: allocstats versions [--json]

        Lists the allocators to preload that are on this machine: those built with this gem (ALLOCSTATS_BUNDLE, see
        docs/exec.md) and the system's, each with its path and the SHA-256 of the file. A version is what the library itself
        answered in a process that was started with it; one that does not work here is listed with the reason. Then the
        versions that the gem has pinned and that were not built.

      TEXT

      PINS = File.expand_path("../../../dependencies.yml", __dir__)

      def initialize(arguments, stdout: $stdout, stderr: $stderr)
        @stdout = stdout
        @parser = OptionParser.new(HELP)
        @parser.on("-j", "--json", "as JSON") { @json = true }
        @parser.on("-h", "--help", "this text") { @help = true }
        rest = @parser.parse(arguments)
        raise Failure, "versions takes no argument: #{Formats.shown(rest.first)}" if rest.any?
      end

      # @return [Integer]
      def call
        return @stdout.puts(@parser.help) || 0 if @help
        raise Failure.new(Stub::MESSAGE, status: UNAVAILABLE) unless AllocStats.supported?
        @libraries = Launch::Bundled.libraries + Launch::System.found
        @stdout.puts(@json ? Formats::Json.generate(to_h) : text)
        0
      end

      private

      def to_h
        {running: {name: Allocators.bound_name, version: Allocators.bound_version}, libraries: @libraries.map(&:to_h), not_built: not_built}
      end

      def text
        ["running: #{Allocators.title}", *section("bundled", "built with this gem", :bundled), *section("system", "on this system", :system), *pins]
      end

      def section(title, words, origin)
        libraries = @libraries.select { |library| library.origin == origin }
        return "#{title}: none #{words}" if libraries.empty?
        ["#{title}:", *libraries.flat_map { |library| lines(library) }]
      end

      def lines(library)
        ["  #{[library.name, library.version].compact.join(" ").ljust(16)} #{library.path}", "#{" " * 19}SHA-256 #{library.sha256}",
          *library.build&.then { |build| "#{" " * 19}built from #{build[:archive]} (#{build[:archive_origin]}), SHA-256 #{build[:archive_sha256]}" },
          *library.problem&.then { |problem| "#{" " * 19}does not work: #{problem}" }]
      end

      def pins
        return "pinned and not built: none" if not_built.empty?
        names = not_built.group_by { |pin| pin[:name] }.map { |name, of_name| "  #{name} #{of_name.map { |pin| pin[:version] }.join(", ")}" }
        ["pinned and not built (ALLOCSTATS_BUNDLE=NAME, ALLOCSTATS_<NAME>_VERSION=VERSION at install):", *names]
      end

      # Of dependencies.yml; a version can have two archives, upstream's and Debian's.
      def not_built
        require "yaml"
        built = @libraries.select { |library| library.origin == :bundled }.map { |library| [library.name.name, library.version] }
        @not_built ||= YAML.safe_load_file(PINS).fetch("archives").flat_map { |name, archives|
          archives.map { |archive| {name: name, version: archive["version"], url: archive["url"], sha256: archive["sha256"]} }
        }.reject { |pin| built.include?(pin.values_at(:name, :version)) }.uniq { |pin| pin.values_at(:name, :version) }
      end
    end
  end
end
