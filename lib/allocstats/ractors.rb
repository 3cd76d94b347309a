# frozen_string_literal: true

# What works in every Ractor must be there before one asks for it.
require_relative "allocators"
require_relative "formats"
require_relative "measured"
require_relative "procfs"
require_relative "procfs/folder"
require_relative "procfs/preloads"
require_relative "procfs/start_environment"
require_relative "sample/figure"

module AllocStats
  # What of the facade can be called in a Ractor that is not the main one. Some need what Ruby shows to the main one alone
  # (locks, threads, the program's name) and are refused before they have done anything. Others only need to be loaded,
  # which before Ruby 3.4 the main one alone can do. The rest, `sample` before all, is not touched here: it works
  # everywhere, and is cheap.
  module Ractors
    MAIN_ALONE = %i[configuration configure doctor eager_load! health heap_profile host_facts metrics purge report settings start stop tune].freeze

    ONCE_LOADED = (%i[census help history ledger started? workers] +
      Allocators.filter_map(&:native_api).flat_map { |native_api| native_api.instance_methods(false) - (native_api.const_defined?(:LOADED) ? native_api::LOADED : []) }).sort.freeze

    # As text: a method that was made of a block can be called by its own Ractor alone.
    MAIN_ALONE.each { |name| class_eval("def #{name}(...) = (Ractors.demand_main(:#{name}); super)", __FILE__, __LINE__) }

    ONCE_LOADED.each { |name| class_eval(<<~RUBY, __FILE__, __LINE__ + 1) }
      def #{name}(...)
        super
      rescue Ractor::UnsafeError
        raise Unsupported, "AllocStats.#{name} is loaded by its first call, which must be in the main Ractor on Ruby \#{RUBY_VERSION}"
      end
    RUBY

    def self.demand_main(method)
      raise Unsupported, "AllocStats.#{method} works in the main Ractor alone; allocator, sample, memory and measure do in all" unless Ractor.current == Ractor.main
    end
  end

  singleton_class.prepend(Ractors)
end
