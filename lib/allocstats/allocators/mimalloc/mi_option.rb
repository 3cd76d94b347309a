# frozen_string_literal: true

module AllocStats
  # One of mimalloc's options in the running version. AllocStats.mi_option and its relatives are the way in.
  #
  # - `name` (Symbol) as the running version has it
  # - `number` (Integer) of mi_option_t in the running version
  # - `unit` (Symbol, nil) :switch (0 or 1), :mode, :ms, :s, :bytes, :KiB, :count, :times, :bits
  # - `range` (Range, nil) of the values that AllocStats.mi_option takes
  # - `kind` (Symbol) :live, :new_threads (acts on threads that begin after a change), :start (is read when mimalloc
  #   starts, and a change does nothing), :inert (does nothing on Linux), :dangerous (a change can make malloc fail or the
  #   process crash), :unknown (of a version that came after this release of allocstats)
  # - `definition` (String, nil) one sentence
  #
  # Unit, range and definition are nil where kind is :unknown.
  class Allocators::Mimalloc::MiOption
    Description = Struct.new(:name, :unit, :kind, :range, :definition, :spans, keyword_init: true)

    # "purge_delay" => Description, of all versions; a span is [number, first version, last version].
    KNOWN = Ractor.make_shareable(Allocators::Mimalloc.option_descriptions.to_h { |name, unit, kind, least, most, definition, spans|
      [name.name, Description.new(name: name, unit: unit, kind: kind, range: least..most, definition: definition, spans: spans)]
    })

    # Names that mimalloc has given to one option after the other, oldest first; its header keeps most of the old ones.
    SAME = [
      %w[reset_delay decommit_delay purge_delay],
      %w[decommit_extend_delay purge_extend_delay],
      %w[reset_decommits purge_decommits],
      %w[eager_region_commit arena_eager_commit],
      %w[large_os_pages allow_large_os_pages],
      %w[limit_os_alloc disallow_os_alloc],
      %w[abandoned_page_reset abandoned_page_decommit abandoned_page_purge],
      %w[minimal_purge_size arena_purge_min_size],
      %w[page_reclaim_max page_max_reclaim],
      %w[guarded_precise unsafe_guarded_precise]
    ].each { |names| names.each(&:freeze).freeze }.freeze

    # The last release of each line whose header is in the list: what a span reaches up to, later ones may have as well.
    NEWEST = KNOWN.values.flat_map(&:spans).map(&:last).group_by { |version| version / 10_000 }.transform_values(&:max).freeze

    class << self
      # @return [Hash{Symbol => MiOption}] the options of the running version, without the deprecated ones
      def all(method = "mi_option_catalogue")
        numbers(method).reject { |name, _| deprecated?(name) }.to_h { |name, number| [name.to_sym, new(name.to_sym, number)] }
      end

      # @raise [UnknownName] for what no version has, [Unsupported] for what another version has
      def fetch(name)
        numbers = numbers("mi_option")
        text = Allocators::Given.name_text("option of mimalloc", name)
        present = names_of(text).find { |same| numbers.key?(same) && !deprecated?(same) } or raise absent(text, numbers.keys)
        new(present.to_sym, numbers[present])
      end

      # The option under the name that it has in another version than the running one.
      # @param version [String] "3.4.3"
      # @return [MiOption, nil] nil for what that version has not
      def in_version(name, version)
        major, minor, patch = version.split(".").map(&:to_i)
        number = major * 10_000 + minor * 100 + patch
        number = [number, NEWEST.fetch(major, number)].min
        names_of(name).each do |same|
          span = KNOWN[same]&.spans&.find { |_, first, last| number.between?(first, last) }
          return new(same.to_sym, span.first) if span
        end
        nil
      end

      # The name and those of SAME, itself first.
      def names_of(name)
        [name] | (SAME.find { |names| names.include?(name) } || [])
      end

      private

      # "purge_delay" => 15, ... of the running version
      def numbers(method)
        Allocators.demand(method)
        numbering = Allocators::Mimalloc.numbering or
          raise Unsupported, "allocstats knows how the options of mimalloc #{versions(KNOWN["verbose"].spans)} are numbered, and #{Allocators.title} does not tell it"
        numbering.transform_keys(&:name)
      end

      def deprecated?(name)
        name.start_with?("deprecated_")
      end

      def absent(name, present)
        title = Allocators.title
        return Unsupported.new("#{title} has deprecated #{name} and ignores it") if present.include?("deprecated_#{name.delete_prefix("deprecated_")}")
        spans = names_of(name).filter_map { |same| KNOWN[same]&.spans }.flatten(1)
        return UnknownName.among("option of mimalloc", name, present) if spans.empty?
        Unsupported.new("#{title} has no option #{name}: #{versions(spans)} have it")
      end

      # "2.1.2 to 2.4.1 and 3.0.0 and later"
      def versions(spans)
        spans.group_by { |_, first, _| first / 10_000 }.map { |line, of_line|
          first, last = of_line.map { |span| span[1] }.min, of_line.map(&:last).max
          (line == NEWEST.keys.max && last == NEWEST[line]) ? "#{dotted(first)} and later" : "#{dotted(first)} to #{dotted(last)}"
        }.join(" and ")
      end

      def dotted(version)
        "#{version / 10_000}.#{version / 100 % 100}.#{version % 100}"
      end
    end

    attr_reader :name, :number, :unit, :range, :kind, :definition

    def initialize(name, number)
      description = KNOWN[name.name]
      @name = name
      @number = number
      @unit = description&.unit
      @range = description&.range
      @kind = description ? description.kind : :unknown
      @definition = description&.definition
      freeze
    end

    # @return [Integer]
    def value
      Allocators::Mimalloc.read_option(number)
    end

    # Whether it only acts when mimalloc starts.
    def start_only?
      kind == :start
    end

    # The variable that sets it when a process starts.
    def variable
      "MIMALLOC_#{name.upcase}"
    end

    # @return [Integer] what was before
    # @raise [InvalidValue, ReadOnly, Refused] and nothing was changed
    def set(value, unsafe: false)
      demand_permission(unsafe)
      Allocators::Mimalloc.write_option(number, Allocators::Given.integer_in(range || (-2**63...2**63), unit, name, value))
    end

    def to_h
      {name: name, number: number, value: value, unit: unit, range: range, kind: kind, start_only: start_only?, definition: definition}
    end

    def inspect
      "#<AllocStats::MiOption #{name}=#{value}#{" #{unit}" if unit} (#{kind})>"
    end

    private

    def demand_permission(unsafe)
      case kind
      when :start then raise ReadOnly, "#{name} is read when mimalloc starts, and setting it now would do nothing: #{variable} in the environment sets it"
      when :inert then raise ReadOnly, "#{name} does nothing on Linux"
      when :dangerous then refuse("can make malloc fail or the process crash (#{definition})") unless unsafe
      when :unknown then refuse("is of a mimalloc that came after this allocstats, which does not know what it does") unless unsafe
      end
    end

    def refuse(reason)
      raise Refused, "#{name} #{reason}; unsafe: true sets it all the same"
    end
  end
end
