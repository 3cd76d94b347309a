# frozen_string_literal: true

module AllocStats
  module Launch
    # `allocstats exec --only NAMES`: the allocator is meant for some programs, and their children of other names are
    # spared. A small library (ext/allocstats/exec_filter) stays in LD_PRELOAD and decides at each exec; this composes what tells
    # it how.
    module ExecFilter
      PATH = File.expand_path("../allocstats_exec_filter.so", __dir__)
      VARIABLES = %w[ALLOCSTATS_ONLY ALLOCSTATS_ONLY_LIBRARY ALLOCSTATS_ONLY_WITH ALLOCSTATS_ONLY_WITHOUT].freeze
      NAME = /\A[^:\/\s]+\z/n
      SEPARATOR = "\x1f"

      # The first exec is not behind the filter yet: env(1) is started instead, and takes the command through it.
      COMMAND = "env"

      module_function

      # @param text [String] "ruby,sidekiq"
      # @return [Array<String>]
      # @raise [InvalidValue]
      def names(text)
        names = text.split(",")
        return names if names.any? && names.all? { |name| name.b.match?(NAME) }
        raise InvalidValue, "--only takes names of programs with commas between (ruby,sidekiq), not #{Formats.shown(text)}"
      end

      # What a process that is none of the named ones starts with.
      # @param changes [Hash] what the named ones are to have (Plan#environment)
      # @param library [Library, nil]
      # @return [Hash{String => String, nil}]
      # @raise [Unsupported] where the filter was not built
      def environment(changes, library:, names:, base: ENV)
        raise Unsupported, "--only needs #{PATH}, which is not there: `gem pristine allocstats` builds it" unless File.file?(PATH)
        told = changes.except(PreloadList::VARIABLE)
        {
          PreloadList::VARIABLE => [PATH, PreloadList.new(base[PreloadList::VARIABLE]).led_by(nil)].compact.join(":"),
          "ALLOCSTATS_ONLY" => names.join(":"), "ALLOCSTATS_ONLY_LIBRARY" => library&.path.to_s,
          "ALLOCSTATS_ONLY_WITH" => entries(told), "ALLOCSTATS_ONLY_WITHOUT" => entries(base.to_h.slice(*told.keys))
        }
      end

      # What is to be forgotten of a filter that was there.
      def absent(base = ENV)
        VARIABLES.select { |variable| base.key?(variable) }.to_h { |variable| [variable, nil] }
      end

      def entries(variables)
        variables.map { |variable, text| "#{variable}=#{text}" }.join(SEPARATOR)
      end
      private_class_method :entries
    end
  end
end
