# frozen_string_literal: true

module AllocStats
  # The allocators that allocstats knows. All that is known of one is in its own module here, by one contract (Contract),
  # and in its folder in ext/allocstats/allocators; no other file knows its name. The extension adds which of them runs.
  module Allocators
    # In the order in which they are told of, and in which one to preload is chosen where none was asked for. Each is a file
    # in allocators/ with a module of that name; docs/adding_an_allocator.md adds one.
    LIST = %i[jemalloc mimalloc tcmalloc glibc musl unknown].freeze

    autoload :Arenas, "allocstats/allocators/arenas"
    autoload :Contract, "allocstats/allocators/contract"
    autoload :Environment, "allocstats/allocators/environment"
    autoload :Fault, "allocstats/allocators/fault"
    autoload :Given, "allocstats/allocators/given"
    autoload :Option, "allocstats/allocators/option"
    autoload :Packages, "allocstats/allocators/packages"
    autoload :Setting, "allocstats/allocators/setting"

    LIST.each { |id| require_relative "allocators/#{id}" }

    MODULES = LIST.to_h { |id| [id, const_get(id.capitalize)] }.freeze

    class << self
      include Enumerable

      # @return [Contract] of one of LIST
      # @raise [KeyError]
      def fetch(id) = MODULES.fetch(id)

      # @return [Contract, nil] nil for a name that is not known here, as another process or endpoint may have one
      def [](id) = MODULES[id]

      def each(&block) = MODULES.each_value(&block)

      # The one that runs this process.
      # @return [Contract]
      def running = fetch(bound_name)

      # "mimalloc 3.6.0"; of what allocstats does not know, the path
      def title
        return "an allocator that allocstats does not know (#{owner_path.scrub})" if running == Unknown
        [bound_name, bound_version].compact.join(" ")
      end

      # The names of those that can do something, by the extension.
      # @param capability [Symbol] :sample, :census, :measure, :purge or :purge_thread
      # @return [Array<Symbol>]
      def able(capability) = LIST.select { |id| capabilities.fetch(id).include?(capability) }

      # Of the native API that a method of the facade belongs to.
      # @raise [Unsupported] unless it is that of the allocator that runs this process
      def demand(method)
        return if methods_of(running).include?(method)
        owner = find { |allocator| methods_of(allocator).include?(method) }
        raise Unsupported, "#{method} is #{owner.id}'s own, and #{title} runs this process#{owner.native_api::NEEDLESS[method]}; #{instead}"
      end

      # Has the block take a stats dump apart, and says whose it was where that cannot be done.
      # @raise [Malformed]
      def understanding(format, allocator = bound_name)
        yield
      rescue Malformed => error
        raise Malformed, "#{allocator} gave a stats dump that allocstats does not understand (#{format}: #{error.message})"
      end

      # What separates several options in one variable; nil where it holds one.
      def separator(variable) = filter_map { |allocator| allocator.separators[variable] }.first

      # The one that a variable speaks to.
      # @return [Contract, nil]
      def of_variable(name) = find { |allocator| allocator.variables.match?(name) }

      # Those that a library brings, and those that are a C library's own.
      def preloadable = select(&:packages)

      def of_libc = select(&:libc)

      private

      def methods_of(allocator) = allocator.native_api ? allocator.native_api::METHODS : []

      def instead
        own = methods_of(running)
        return "its own are #{own.join(", ")}" if own.any?
        "it has nothing of the kind: #{select(&:native_api).map { |allocator| "#{allocator.id} has #{methods_of(allocator).first}" }.join(", ")}"
      end
    end
  end
end
