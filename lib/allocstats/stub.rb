# frozen_string_literal: true

module AllocStats
  # In the extension's place on platforms other than Linux: the gem loads, and whatever is asked of it is Unsupported.
  module Stub
    MESSAGE = "allocstats measures Linux processes; this platform is #{RbConfig::CONFIG["host_os"]}"

    FACADE = %i[allocator sample figures census memory ledger private_heap report
      mallctl mallctl_many mallctls malloc_stats].freeze

    FACADE.each do |name|
      define_method(name) { |*, **| raise Unsupported, MESSAGE }
    end
  end

  singleton_class.prepend(Stub)
end
