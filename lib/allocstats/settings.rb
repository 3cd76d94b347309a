# frozen_string_literal: true

module AllocStats
  # What was asked of an allocator when this process started, by variables and by files, held against what is in force.
  # AllocStats.settings is the way in; a list of Allocators::Setting, those of the running allocator first.
  class Settings
    include Enumerable

    # What can have come of it.
    STATES = {
      in_force: "the allocator has it",
      changed: "the allocator had it, and it was set to another value since",
      adjusted: "the allocator made another value of it",
      overridden: "another setting of the same option counts",
      unreadable: "the allocator knows it and does not show what it holds",
      no_effect: "nobody reads it: another allocator runs, or the process must not be steered from outside",
      other_version: "it is of another version or build of the allocator",
      unknown_key: "no version that allocstats knows has it",
      malformed: "the allocator does not take the text for a value of it"
    }.freeze

    # The states of what does not do what its writer meant it to.
    WRONG = %i[adjusted no_effect other_version unknown_key malformed].freeze

    # @param environment [#to_h, nil] the environment of the start; nil: as it was for this process. Where that can no
    #   longer be read, because the process's title was written over it ($0=), it is what ENV holds now, and `certain?` is
    #   false.
    # @return [Settings]
    def self.read(environment = nil)
      start = Procfs::StartEnvironment.new
      given = environment || (start.readable? ? start : ENV)
      variables = given.to_h.to_h { |name, text| [Allocators::Environment.text(name), Allocators::Environment.text(text)] }
      new(variables, certain: !environment.nil? || start.readable?)
    end

    def initialize(variables, certain: true)
      running, others = Allocators.partition { |allocator| allocator == Allocators.running }
      @settings = Purge.apart { (running + others).flat_map { |allocator| allocator.environment(variables) } }.each(&:freeze).freeze
      @certain = certain
      freeze
    end

    def each(&block)
      return enum_for(:each) { @settings.size } unless block
      @settings.each(&block)
      self
    end

    # Whether the environment is that of the start.
    def certain?
      @certain
    end

    # Those of one state.
    # @raise [UnknownName]
    def in_state(state)
      raise UnknownName.among("state of a setting", state, STATES.keys) unless STATES.key?(state)
      select { |setting| setting.state == state }
    end

    # Those that do not do what their writer meant them to.
    def wrong
      select { |setting| WRONG.include?(setting.state) }
    end

    def to_h
      {certain: certain?, settings: map(&:to_h)}
    end

    def inspect
      lines = map { |setting| "#{setting.source} #{setting.name}=#{setting.asked} #{setting.state}#{" (#{setting.reason})" if setting.reason}" }
      "#<AllocStats::Settings #{lines.empty? ? "nothing was asked for" : lines.join("; ")}>"
    end
  end
end
