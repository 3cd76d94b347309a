# frozen_string_literal: true

module AllocStats
  class Diagnosis
    # Which allocator the environment asks for, by the rules of `allocstats exec` (Launch::Choice), and whether it runs.
    module Expectation
      # Set where `exec --only` spares this process, or may: then it has what was meant for it.
      SPARED = "ALLOCSTATS_ONLY"

      module_function

      # @param variables [Hash{String => String}]
      # @return [Hash, nil] {names:, version: String or nil, source:}; nil where nothing is asked for
      # @raise [InvalidValue] for variables that contradict each other
      def in(variables)
        return if variables.key?(SPARED)
        asked = Launch::Choice.new(environment: variables).allocator or return
        names = names_of(asked)
        {names: names, version: asked[/\A\w+-(\d[\w.]*)\z/, 1], source: source(variables)} if names.any?
      end

      # "jemalloc", "jemalloc-5.3.1", "/usr/lib/libjemalloc.so.2" => [:jemalloc]; "libc" => either
      def names_of(asked)
        return Allocators.of_libc.map(&:id) if asked == "libc"
        name = asked.include?("/") ? OtherProcess::Guess.named_by(asked) : Allocators.known.find { |each| asked.match?(/\A#{each}\b/) }
        [name].compact
      end

      # @param expected [Hash] as `in` answers it
      # @param allocator [Hash] {name:, version:}; where the version cannot be seen, the name decides
      def met?(expected, allocator)
        version = allocator[:version] && expected[:version]
        expected[:names].include?(allocator[:name]) && (version.nil? || allocator[:version] == version || allocator[:version].start_with?("#{version}."))
      end

      def source(variables)
        own = Launch::Choice::ALLOCATOR
        telling = variables[own].to_s.empty? ? Launch::Choice::SWITCHES.keys.reject { |variable| variables[variable].to_s.empty? } : [own]
        telling.map { |variable| "#{variable}=#{variables[variable]}" }.join(" and ")
      end
    end
  end
end
