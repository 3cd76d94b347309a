# frozen_string_literal: true

module AllocStats
  # What AllocStats.tune did. Options have the names of the running allocator; every Hash is by name, in the order in which
  # they were asked for.
  #
  # - `allocator` (Symbol), `profile` (Symbol or nil)
  # - `asked` (Hash) the values as the allocator takes them
  # - `before`, `now` (Hash) the values as they were read before and after; nil for what the allocator does not tell
  # - `failed` (Hash) why an option does not have the value asked for, one sentence each: those that are read at the start
  #   of a process come with the environment that sets them
  # - `remarks` (Hash) what is to be known of a value that was taken: on what it acts, and on what it does not
  # - `environment` (Hash) variable => text: what makes a process start with all of it, with what the variable holds
  #   already before it
  class Tuning
    attr_reader :allocator, :profile, :asked, :before, :now, :failed, :remarks, :environment

    # @param lines [Array] of [variable, text]
    def initialize(allocator:, profile:, asked:, before:, now:, failed:, remarks:, lines:)
      @allocator = allocator
      @profile = profile
      @asked = asked.freeze
      @before = before.freeze
      @now = now.freeze
      @failed = failed.freeze
      @remarks = remarks.freeze
      @environment = compose(lines).freeze
      freeze
    end

    # Whether everything that was asked for is in force.
    def complete?
      failed.empty?
    end

    def to_h
      {
        allocator: allocator, profile: profile, asked: asked, before: before, now: now,
        failed: failed, remarks: remarks, environment: environment
      }
    end

    def inspect
      "#<AllocStats::Tuning #{[allocator, profile].compact.join(" ")}: #{changes.join(", ")}>"
    end

    private

    def changes
      asked.keys.map { |name| failed.key?(name) ? "#{name} not (#{failed[name]})" : "#{name} #{before[name].inspect} => #{now[name].inspect}" }
    end

    def compose(lines)
      lines.group_by(&:first).to_h { |variable, of_variable| [variable, joined(variable, of_variable.map(&:last))] }
    end

    # The last of several values is the one that counts.
    def joined(variable, texts)
      separator = Allocators.separator(variable) or return texts.last
      texts = present(variable).split(separator).reject { |text| texts.any? { |other| same_option?(text, other) } } + texts
      texts.join(separator)
    end

    def same_option?(text, other)
      text[/\A[\w.]+/] == other[/\A[\w.]+/]
    end

    def present(variable)
      start = Procfs::StartEnvironment.new
      (start.readable? ? start[variable] : ENV[variable]).to_s.b.force_encoding(Encoding::UTF_8).scrub
    end
  end
end
