# frozen_string_literal: true

module AllocStats
  # Sets options of the running allocator under the names they have there: everything that was asked for is checked before
  # the first is set, and what was set is put back if a later one is not taken. AllocStats.tune is the way in.
  #
  # What an option is, how it is read and set, what sets it when a process starts, and which values a profile stands for,
  # is told by each allocator's own module (`options` and `profiles` of Allocators::Contract).
  class Tuner
    autoload :Profiles, "allocstats/tuner/profiles"

    class << self
      # @return [Tuning]
      def tune(profile, options)
        new(Allocators.bound_name, profile, options).call
      end

      # The option of the running allocator that has this name.
      # @return [Option]
      # @raise [Unsupported] for one of another allocator or version, [UnknownName] for one that none has
      def option(name)
        text = text_of(name)
        options.option(text) or raise stranger(text)
      end

      # The options of the allocator that runs.
      # @raise [Unsupported]
      def options
        Allocators.running.options or
          raise Unsupported, "#{Allocators.title} has nothing that can be tuned; #{Formats.listed(tunable.map(&:id))} have"
      end

      private

      def tunable = Allocators.select(&:options)

      def text_of(name)
        return name.to_s if name.is_a?(Symbol) || name.is_a?(String)
        raise UnknownName, "an option has a Symbol or a String for its name, not #{Formats.shown(name)}"
      end

      def stranger(text)
        owner = tunable.find { |allocator| allocator.options != options && allocator.options.known?(text) }
        return UnknownName.among("option of #{Allocators.bound_name}", text, options.names) unless owner
        Unsupported.new("#{text} is an option of #{owner.id}, and #{Allocators.title} runs this process; its own are #{Formats.listed(options.usual)}")
      end
    end

    def initialize(allocator, profile, options)
      Tuner.options
      @allocator = allocator
      @profile = Profiles.name_of(profile) if profile
      @wanted = @profile ? from_profile(options) : {}
      options.each { |name, value| want(Tuner.option(name), value) }
      raise InvalidValue, "tune takes a profile (#{Formats.listed(Profiles::NAMES)}), options by name, or both" if @wanted.empty?
      @failed = {}
    end

    # A purge changes options for its own time: the two must not come into each other's way.
    def call
      Purge.apart do
        before = read
        asked = set
        now = read
        note_what_did_not_take(asked, before, now)
        Tuning.new(allocator: @allocator, profile: @profile, before: before, asked: asked, now: now, failed: @failed,
          remarks: remarks(asked, before), lines: asked.filter_map { |name, value| @wanted[name].first.line(value) })
      end
    end

    private

    # The profile's options that this version has, without those that are given apart.
    def from_profile(options)
      given = options.keys.map { |name| Tuner.option(name).name }
      Profiles.of(@allocator, @profile, Allocators.bound_version).each_with_object({}) do |(name, value), wanted|
        option = Tuner.option(name)
        wanted[option.name] = [option, option.check(value)] unless given.include?(option.name)
      rescue Unsupported
        nil # of another version
      end
    end

    def want(option, value)
      raise InvalidValue, "#{option.name} was given twice, under two of its names" if @wanted.key?(option.name)
      @wanted[option.name] = [option, option.check(value)]
    end

    def read
      @wanted.transform_values { |option, _| option.value }
    end

    # @return [Hash] name => the value asked for
    def set
      done = []
      @wanted.each do |name, (option, value)|
        next if option.fixed
        done << [option, option.state]
        option.set(value)
      rescue Unsupported, Refused => error
        @failed[name] = error.message
      end
      complete = true
      @wanted.transform_values(&:last)
    ensure
      done.reverse_each { |option, state| put_back(option, state) } unless complete
    end

    # One that cannot be put back does not keep the others from it.
    def put_back(option, state)
      option.restore(state)
    rescue Error
      nil
    end

    def note_what_did_not_take(asked, before, now)
      asked.each do |name, value|
        option, = @wanted[name]
        next if @failed.key?(name) || now[name] == value
        @failed[name] = option.fixed ? "#{option.fixed}: #{at_start(option, value)}" : "#{name} shows #{now[name].inspect} after it was set to #{value.inspect}"
      end
    end

    def at_start(option, value)
      line = option.line(value)
      line ? "#{line.join("=")} in the environment sets it" : "nothing sets it from outside"
    end

    def remarks(asked, before)
      asked.filter_map { |name, value|
        option, = @wanted[name]
        remark = option.remark(value, before[name]) unless option.fixed || @failed.key?(name)
        [name, remark] if remark
      }.to_h
    end
  end
end
