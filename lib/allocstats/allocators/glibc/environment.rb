# frozen_string_literal: true

module AllocStats
  module Allocators::Glibc
    # glibc's MALLOC_ variables and GLIBC_TUNABLES, of which those that begin with glibc.malloc are read here. glibc shows
    # nothing of what it made of them: "in force" is what its rules make of the text (Tunables), less what was set
    # through AllocStats since.
    class Environment < Allocators::Environment
      VARIABLES = Tunables::NAMES.filter_map { |name, (_, _, variable)| [variable, name] if variable }.to_h.freeze
      NAMES = /\A(?:#{VARIABLES.keys.join("|")})\z/
      PREFIX = "MALLOC_"
      MALLOC = "glibc.malloc."

      # The first version with each tunable, where not all that have tunables have it.
      SINCE = {"glibc.malloc.tcache_unsorted_limit" => "2.26", "glibc.malloc.mxfast" => "2.30", "glibc.malloc.hugetlb" => "2.35"}.freeze

      # What needs libc_malloc_debug.so to be preloaded since this version.
      DEBUGGING = "2.34"
      DEBUGGED = ["glibc.malloc.check", "MALLOC_TRACE"].freeze

      RULE = "glibc does not show it; this is what its rules make of the environment"

      def allocator = :glibc

      def settings
        with_corrections(from_variables + from_tunables)
      end

      private

      def from_variables
        given = @variables.select { |name, _| name.start_with?(PREFIX) && !others?(name) }
        given.map { |variable, text| variable_setting(variable, text) }
      end

      # A tunable and what it is set to, whatever stands between them.
      ENTRY = /(glibc\.[\w.]+)[=:\s]+((?:(?![:,;\s]+glibc\.)[^:\s])*)/

      def correction(setting)
        return [Tunables::VARIABLE, mended_tunables] if setting.source == Tunables::VARIABLE
        variable = VARIABLES.key?(setting.source) ? setting.source : UnknownName.nearest(setting.source, VARIABLES.keys) or return
        text = bare(setting.asked)
        [variable, text] if good?(VARIABLES[variable], variable, text)
      end

      # All of it: what is of other parts of glibc as it is, and of malloc what it takes.
      def mended_tunables
        entries = @variables[Tunables::VARIABLE].sub(/\A\s*(["'])(.*)\1\s*\z/m, '\2').scan(ENTRY).filter_map { |name, text|
          next [name, text] unless name.include?("malloc")
          known = Tunables::NAMES.key?(name) ? name : UnknownName.nearest(name, Tunables::NAMES.keys)
          [known, text] if known && good?(known, Tunables::VARIABLE, text)
        }.to_h
        entries.map { |name, text| "#{name}=#{text}" }.join(":") unless entries.empty?
      end

      # Whether the running version takes it.
      def good?(name, source, text)
        return false if (SINCE.key?(name) && before?(SINCE[name])) || (DEBUGGED.include?(name) && !before?(DEBUGGING))
        !Tunables.new(variables_of(name, source, text))[name]&.value.nil?
      end

      # MALLOC_CONF, say.
      def others?(variable)
        owner = Allocators.of_variable(variable)
        owner && owner.id != allocator
      end

      def variable_setting(variable, text)
        name = VARIABLES[variable]
        return debugged(variable, variable, text) if DEBUGGED.include?(variable) && steered?
        return unknown(short(variable), variable, text, "variable of glibc's malloc", VARIABLES.keys, variable) if name.nil? && !DEBUGGED.include?(variable)
        steered? ? judge(name, variable, text) : no_effect(short(name || variable), variable, text)
      end

      def from_tunables
        @variables[Tunables::VARIABLE].to_s.split(":").filter_map { |entry| tunable_setting(*entry.split("=", 2)) }
      end

      # What is of other parts of glibc, or is not called as a tunable, is not about malloc unless it says so.
      def tunable_setting(name = nil, text = nil)
        return unless name&.include?("malloc")
        return no_effect(short(name), Tunables::VARIABLE, text.to_s) unless steered?
        return setting(short(name), Tunables::VARIABLE, "", :malformed, "#{name} has no value: glibc takes name=value pairs with colons between them") unless text
        return unknown(name, Tunables::VARIABLE, text, "tunable of glibc's malloc", Tunables::NAMES.keys) unless Tunables::NAMES.key?(name)
        judge(name, Tunables::VARIABLE, text)
      end

      def judge(name, source, text)
        return too_early(name, source, text) if SINCE.key?(name) && before?(SINCE[name])
        return debugged(name, source, text) if DEBUGGED.include?(name) && !before?(DEBUGGING)
        counts = tunables[name]
        alone = Tunables.new(variables_of(name, source, text))[name]
        return setting(short(name), source, text, :malformed, bounds(name)) unless alone&.value
        return setting(short(name), source, text, :overridden, "#{counts.source} says #{counts.text}") unless counts.source == source && counts.text == text
        compare(name, source, text, alone.value)
      end

      def compare(name, source, text, value)
        later = Mallopt.all[short(name).to_sym]&.setting(tunables)&.set
        return setting(short(name), source, text, :changed, "it was set to #{later} later", in_force: later) if later && later != value
        setting(short(name), source, text, :in_force, RULE, in_force: value)
      end

      def tunables
        @tunables ||= Tunables.new(@variables)
      end

      # The one setting without the others.
      def variables_of(name, source, text)
        {source => (source == Tunables::VARIABLE) ? "#{name}=#{text}" : text}
      end

      def bounds(name)
        least, most, = Tunables::NAMES[name]
        "glibc takes a number from #{least} to #{most} for #{short(name)}"
      end

      def too_early(name, source, text)
        setting(short(name), source, text, :other_version, "#{name} came with glibc #{SINCE[name]}")
      end

      def debugged(name, source, text)
        setting(short(name), source, text, :other_version, "since glibc #{DEBUGGING} it needs libc_malloc_debug.so to be preloaded")
      end

      def before?(version)
        VersionNumber.new(Allocators.bound_version) < VersionNumber.new(version)
      end

      # "arena_max"
      def short(name)
        name.delete_prefix(MALLOC).delete_prefix(PREFIX).downcase
      end
    end
  end
end
