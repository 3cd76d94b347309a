# frozen_string_literal: true

module AllocStats
  module Launch
    # An allocator and a profile for a process that is yet to start, held against an environment.
    class Plan
      ASKED = /\A(?<name>[a-z]+)(?:-(?<version>\d[\w.]*))?\z/

      # [Library, nil] nil for the C library's own malloc
      attr_reader :library

      # [Symbol, nil]
      attr_reader :profile

      # @param allocator [String, Symbol, nil] as in Launch.environment; nil for the first that is here
      # @raise [UnknownName, Unsupported]
      def initialize(allocator: nil, profile: nil, base: ENV)
        @asked = allocator&.to_s
        @profile = profile && Tuner::Profiles.name_of(profile)
        @base = base.to_h
        @library = find
      end

      # What changes in the environment, once it was tried.
      # @return [Hash{String => String, nil}]
      # @raise [Unsupported]
      def environment
        @environment ||= begin
          verify
          {PreloadList::VARIABLE => preload, **tuning}.reject { |name, text| @base[name] == text }.freeze
        end
      end

      # Which malloc it will be: [:jemalloc, "5.3.0"].
      # @raise [Unsupported]
      def name = verify.name

      def version = verify.version

      private

      def find
        return first_of_all if @asked.nil?
        return given if @asked.include?("/")
        return if LIBC_NAMES.include?(@asked)
        name, version = ASKED.match(@asked.scrub)&.captures
        raise UnknownName.among("allocator", @asked, NAMES + LIBC_NAMES) unless NAMES.include?(name)
        of_name(name, version)
      end

      def first_of_all
        Launch.libraries.first or
          raise Unsupported, "there is no allocator to preload on this machine: #{remedy(NAMES.first)}"
      end

      def given
        Library.new(File.expand_path(@asked), origin: :given).tap do |library|
          raise Unsupported, "#{library.path} cannot be preloaded: #{library.refusal}" if library.refusal
        end
      end

      def of_name(name, version)
        of_name = Launch.libraries.select { |library| library.name.name == name }
        of_name.find { |library| version.nil? || version_fits?(library.version, version) } or
          raise Unsupported, (of_name.any? ? other_versions(name, version, of_name) : absent(name))
      end

      # "5.3" is any 5.3.
      def version_fits?(version, wanted)
        version == wanted || version.to_s.start_with?("#{wanted}.")
      end

      def other_versions(name, version, libraries)
        "#{name} #{version} is not on this machine: there is #{Formats.listed(libraries.map { |library| "#{library.version} (#{library.path})" })}; #{bundle(name)}"
      end

      def absent(name)
        foreign = System.found.select { |library| library.name.name == name }
        return "there is no #{name} on this machine: #{remedy(name)}" if foreign.empty?
        "no #{name} of this machine can be preloaded: #{foreign.map { |library| "#{library.path}: #{library.refusal}" }.join("; ")}"
      end

      def remedy(name) = "install it (#{packages(name).hint}), or #{bundle(name)}"

      def bundle(name)
        packages(name).bundled ? "install this gem with ALLOCSTATS_BUNDLE=#{name}" : "name its library by its path"
      end

      def packages(name) = Allocators.fetch(name.to_sym).packages

      def preload
        PreloadList.new(@base[PreloadList::VARIABLE]).led_by(library&.path)
      end

      # @return [Probe]
      def verify
        @probe ||= Probe.new({PreloadList::VARIABLE => preload}).tap { |probe| library ? demand_library(probe) : demand_libc(probe) }
      end

      def demand_library(probe)
        problem = probe.problem || ("#{probe.path} owned malloc instead#{": #{probe.complaint}" unless probe.complaint.empty?}" unless Procfs::Preloads.same_file?(probe.path, library.path))
        raise Unsupported, "#{library.path} cannot be preloaded: #{problem}" if problem
      end

      def demand_libc(probe)
        raise Unsupported, "no process can be started under #{@asked}: #{probe.problem}" if probe.problem
        return if (@asked == "libc") ? LIBC_NAMES.include?(probe.name.name) : probe.name.name == @asked
        raise Unsupported, "a Ruby that is started without preloading runs under #{[probe.name, probe.version].compact.join(" ")} (#{probe.path}), and not under #{@asked}"
      end

      # The profile's options that the environment does not set already.
      def tuning
        return {} unless profile
        options = Tuner::Profiles.starting(name, profile, version).reject { |option, value| option.given?(@base, value) }
        options.map { |option, value| option.line(value) }.group_by(&:first)
          .to_h { |variable, lines| [variable, joined(variable, lines.map(&:last))] }
      rescue KeyError
        raise Unsupported, "#{name} has nothing that a profile could set"
      end

      # Of a variable that holds several options, the user's come last, where they count.
      def joined(variable, texts)
        separator = Allocators.separator(variable) or return texts.last
        [*texts, *[@base[variable]].compact.reject(&:empty?)].join(separator)
      end
    end
  end
end
