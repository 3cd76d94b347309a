# frozen_string_literal: true

require_relative "allocators"

module AllocStats
  # What of the facade can be called in a Ractor that is not the main one. Some need what Ruby shows to the main one alone
  # (locks, threads, the program's name) and are refused before they have done anything. Others only need to be loaded,
  # which before Ruby 3.4 the main one alone can do. The rest, `sample` before all, is not touched here: it works
  # everywhere, and is cheap.
  module Ractors
    MAIN_ALONE = %i[configuration configure doctor eager_load! health heap_profile host_facts metrics purge report settings start stop tune].freeze

    ONCE_LOADED = (%i[allocator census figures help history ledger memory private_heap started? workers] +
      Allocators.filter_map(&:native_api).flat_map { |native_api| native_api.instance_methods(false) - (native_api.const_defined?(:LOADED) ? native_api::LOADED : []) }).sort.freeze

    # As text: a method that was made of a block can be called by its own Ractor alone. All of it at once: each text that is
    # compiled takes pages.
    class_eval(MAIN_ALONE.map { |name| "def #{name}(...) = (Ractors.demand_main(:#{name}); super)\n" }.join + ONCE_LOADED.map { |name| <<~RUBY }.join, __FILE__, __LINE__ + 1)
      def #{name}(...)
        super
      rescue Ractor::UnsafeError, Ractor::IsolationError
        Ractors.demand_loaded(:#{name})
      end
    RUBY

    def self.demand_loaded(method)
      raise Unsupported, "AllocStats.#{method} is loaded by its first call, which must be in the main Ractor on Ruby #{RUBY_VERSION}"
    end

    def self.demand_main(method)
      raise Unsupported, "AllocStats.#{method} works in the main Ractor alone; sample and measure work in all" unless Ractor.current == Ractor.main
    end
  end

  singleton_class.prepend(Ractors)
end
